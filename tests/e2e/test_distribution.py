#!/usr/bin/env python3
"""Agents, a coordinator and Redis die, and no verdict-minute is lost, doubled or blamed on a server."""
import os
import signal
import time
import unittest

from stack import poll
from under_load import REGIONS, UnderLoad

SECONDS = 120


class Distribution(UnderLoad):
    def kill(self, name):
        if name in self.children:
            self.children[name].kill()
        else:
            self.stack.kill(name)
        self.note(f"kill -9 {name}")

    def restart_redis(self):
        """As an operator would: told to end, and started again by the same command."""
        pid = self.stack.pid("redis")
        os.kill(pid, signal.SIGTERM)
        self.note("Redis is told to end")
        poll(20, lambda: self.stack.runs(pid), lambda runs: not runs, "Redis ends")
        self.start_redis()
        self.note("Redis is started")

    # ---- the scenario

    def test_kills_and_a_restart_lose_double_and_blame_nothing(self):
        self.start_everything()
        first = self.minute_of(time.time()) + self.window
        regions = self.random.sample(REGIONS, 3)
        agents = [f"agent-{region}{self.random.choice(('', '-2'))}" for region in regions]
        coordinator = self.random.choice(("coordinator", "coordinator-2"))
        troubles = [lambda name=name: self.kill(name) for name in (*agents, coordinator)] + [self.restart_redis]
        self.random.shuffle(troubles)
        began = time.monotonic()
        for number, trouble in enumerate(troubles):
            due = began + (number + 0.5 + self.random.uniform(-0.3, 0.3)) * SECONDS / len(troubles)
            time.sleep(max(0.0, due - time.monotonic()))
            trouble()
        time.sleep(max(0.0, began + SECONDS - time.monotonic()))
        last = self.minute_of(time.time())
        poll(60, self.last_minute, lambda sealed: sealed and sealed >= last, "the last minute is sealed")
        self.judge(first, last)

if __name__ == "__main__":
    unittest.main()
