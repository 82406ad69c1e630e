#!/usr/bin/env python3
"""Daemons of two versions work together: agents of the previous release with coordinators and archivers of this one, and the
other way round, and nothing is lost. QUORATE_PREVIOUS names the folder with the programs of the previous release; without it
both are this one, which holds the test itself up to the first release."""
import os
import signal
import time
import unittest
from pathlib import Path

from stack import poll
from under_load import BIN, REGIONS, UnderLoad

PREVIOUS = Path(os.environ.get("QUORATE_PREVIOUS", BIN))
WINDOWS = 3  # that a mixture is watched for


class Skew(UnderLoad):
    def replace(self, kind, name, folder):
        """As an upgrade does: told to end, and started anew from another folder with the same config."""
        if name in self.children:
            child = self.children[name]
            child.terminate()
            self.assertEqual(child.wait(30), 0, name)
        else:
            pid = self.stack.pid(name)
            os.kill(pid, signal.SIGTERM)
            poll(30, lambda: self.stack.runs(pid), lambda runs: not runs, f"{name} ends")
        self.start(name, folder / f"quorate-{kind}", "--config", self.stack.run_dir / f"etc/{name}.yaml")
        self.note(f"{name} is of {'this' if folder == BIN else 'the previous'} release")

    def agents(self, folder):
        for region in REGIONS:
            for name in (f"agent-{region}", f"agent-{region}-2"):
                self.replace("agent", name, folder)

    def core(self, folder):
        """@return whether it serves: programs of before refuse a schema that is newer than they are, and say so."""
        for kind in ("archiver", "coordinator"):
            self.replace(kind, kind, folder)
        log = (self.stack.run_dir / "logs/archiver.log")
        poll(30, lambda: log.read_text().rsplit("archiver.started", 1)[-1],
             lambda text: "schema.mismatched" in text or "leases.taken" in text, "the archiver seals, or says why not")
        return "schema.mismatched" not in log.read_text().rsplit("archiver.started", 1)[-1]

    def watch_for_a_while(self):
        time.sleep(WINDOWS * self.window)

    def test_two_releases_work_together_and_lose_nothing(self):
        self.start_everything()
        first = self.minute_of(time.time()) + self.window
        self.agents(PREVIOUS)
        self.watch_for_a_while()
        if self.core(PREVIOUS):
            self.agents(BIN)
            self.watch_for_a_while()
        self.core(BIN)
        self.agents(BIN)
        self.watch_for_a_while()
        last = self.minute_of(time.time())
        poll(60, self.last_minute, lambda sealed: sealed and sealed >= last, "the last minute is sealed")
        self.judge(first, last)


if __name__ == "__main__":
    unittest.main()
