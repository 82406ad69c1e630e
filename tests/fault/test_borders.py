#!/usr/bin/env python3
"""What happens at each border when it breaks: Redis and Postgres behind gates that refuse, swallow, delay and cut; every process
killed, put to sleep and started again; Redis without room, Postgres read-only. Each fault begins in a steady state, is held against
what an operator would see, and ends when recovery is seen; over all of them no verdict-minute is lost or doubled, no server is
blamed, and what is unknown lies beside a fault (docs/failure-modes.md).

QUORATE_FAULTS=N takes N of the faults, by QUORATE_FAULTS_SEED or else the seed; QUORATE_FAULT=NAME one."""
import collections
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from gate import Gate  # noqa: E402
from stack import poll  # noqa: E402
from under_load import BIN, REGIONS, UnderLoad  # noqa: E402

HOLD_S = 20          # that a fault lasts
SEEN_WITHIN_S = 20   # from its begin, by readiness
WELL_WITHIN_S = 60   # from its end
OURS = ("agent_dead", "missed_window", "not_reported", "backpressure", "agent_unhealthy")
DAEMONS = ("coordinator", *(f"agent-{region}" for region in REGIONS), "archiver")
KINDS = {"coordinator": "coordinator", "archiver": "archiver", **{f"agent-{region}": "agent" for region in REGIONS}}
AGENT = "agent-eu-west"


class Fault:
    """`begin` and `end` are methods of the test; `ready`: daemon by reason that /readyz must give while it lasts;
    `coverage`: what that of every endpoint must come to; `events`: (daemon, event) that its log must have since."""

    def __init__(self, name, begin, end, ready=None, coverage=None, events=(), hold_s=HOLD_S):
        self.name, self.begin, self.end = name, begin, end
        self.ready, self.coverage, self.events, self.hold_s = ready or {}, coverage, events, hold_s


# What each daemon's readiness says while a store is away.
AWAY = {"redis": dict.fromkeys(DAEMONS, "redis_unreachable"),
        "postgres": dict.fromkeys(("coordinator", "archiver"), "postgres_unreachable")}


def gate_faults():
    for store, away in AWAY.items():
        for mode in ("refuse", "blackhole"):
            yield Fault(f"{store} {mode}", ("gate", store, mode), ("gate", store, "pass"), away)
        yield Fault(f"{store} delay", ("gate", store, "delay"), ("gate", store, "pass"))
        yield Fault(f"{store} cut", ("cut", store), ("gate", store, "pass"), hold_s=5)


def process_faults():
    for name in ("coordinator", AGENT, "archiver"):
        coverage = 0.8 if name == AGENT else None  # one region of five sees nothing
        yield Fault(f"{name} kill", ("kill", name), ("start_again", name), coverage=coverage)
        yield Fault(f"{name} sleep", ("sleep", name), ("wake", name), coverage=coverage)
        yield Fault(f"{name} restart", ("restart", name), ("nothing",), hold_s=5)
    for name, away in AWAY.items():
        yield Fault(f"{name} kill", ("kill_store", name, signal.SIGKILL), ("start_store", name), away)
        yield Fault(f"{name} sleep", ("sleep", name), ("wake", name), away)
        yield Fault(f"{name} restart", ("kill_store", name, signal.SIGTERM), ("start_store", name), away, hold_s=3)


def store_faults():
    yield Fault("redis full", ("redis_memory", "1mb"), ("redis_memory", "0"),
                events=((AGENT, "cells.spooled"), ("coordinator", "planning.stalled")))
    yield Fault("postgres read-only", ("read_only", "on"), ("read_only", "off"), events=(("archiver", "archive.interrupted"),))


FAULTS = [*gate_faults(), *process_faults(), *store_faults()]


class Borders(UnderLoad):
    endpoints = 20
    in_pairs = False  # one coordinator, one agent a region: what stands still is seen

    def setUp(self):
        super().setUp()
        self.gates = {}
        self.postgres_command = None  # what started it, once it was ended

    def tearDown(self):
        for name in ("redis", "postgres", *DAEMONS):
            try:
                self.wake(name)
            except (ProcessLookupError, FileNotFoundError, KeyError):
                pass
        for gate in self.gates.values():
            gate.set("pass")
        super().tearDown()
        for gate in self.gates.values():
            gate.close()

    # ---- the daemons, behind gates

    def put_behind_gates(self):
        text = (self.stack.run_dir / "etc/archiver.yaml").read_text()
        redis = re.search(r"unix://([^\"]+)", text).group(1)
        folder = re.search(r"host='([^']+)'", text).group(1)
        self.gates = {"redis": Gate(redis), "postgres": Gate(f"{folder}/.s.PGSQL.5432")}
        self.redis_socket = redis
        for name in DAEMONS:
            file = self.stack.run_dir / f"etc/{name}.yaml"
            text = file.read_text()
            text = re.sub(r"unix://[^\"]+", f"redis://127.0.0.1:{self.gates['redis'].port}", text)
            text = re.sub(r"host='[^']+' port=5432", f"host=127.0.0.1 port={self.gates['postgres'].port} sslmode=disable", text)
            file.write_text(text)
        for name in DAEMONS:
            pid = self.stack.pid(name)
            os.kill(pid, signal.SIGTERM)
            poll(30, lambda pid=pid: self.stack.runs(pid), lambda runs: not runs, f"{name} ends")
            self.start_again(name)

    def pid(self, name):
        return self.children[name].pid if name in self.children else self.stack.pid(name)

    def processes(self, name):
        """With its children, as Postgres has."""
        pid = self.pid(name)
        found = subprocess.run(["pgrep", "-P", str(pid)], stdout=subprocess.PIPE, text=True, check=False).stdout.split()
        return [pid, *map(int, found)]

    # ---- what is done to them

    def nothing(self):
        pass

    def gate(self, store, mode):
        self.gates[store].set(mode)

    def cut(self, store):
        before = self.gates[store].cut
        self.gates[store].set("cut")
        poll(15, lambda: self.gates[store].cut, lambda cut: cut > before, f"a connection to {store} is cut amid an answer")

    def kill(self, name):
        self.children[name].kill()
        self.children[name].wait(10)

    def start_again(self, name):
        self.start(name, BIN / f"quorate-{KINDS[name]}", "--config", self.stack.run_dir / f"etc/{name}.yaml")

    def restart(self, name):
        self.children[name].terminate()
        self.assertEqual(self.children[name].wait(30), 0, name)
        self.start_again(name)

    def sleep(self, name):
        for pid in self.processes(name):
            os.kill(pid, signal.SIGSTOP)

    def wake(self, name):
        for pid in self.processes(name):
            os.kill(pid, signal.SIGCONT)

    def kill_store(self, name, how):
        pid = self.pid(name)
        stat = Path(f"/proc/{pid}")
        if name == "postgres":
            command = (stat / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
            self.postgres_command = ((stat / "exe").resolve(), command[1:], stat.stat().st_uid, (stat / "cwd").resolve())
            how = signal.SIGINT if how == signal.SIGTERM else how  # fast: SIGTERM waits for its clients
        os.kill(pid, how)
        if name in self.children:
            self.children[name].wait(20)
        else:
            poll(20, lambda: self.stack.runs(pid), lambda runs: not runs, f"{name} ends")

    def start_store(self, name):
        if name == "redis":
            self.start_redis()
            return
        exe, arguments, user, cwd = self.postgres_command
        self.start(name, exe, *arguments, user=user, cwd=cwd)
        self.write_pid(name)

    def redis_memory(self, most):
        subprocess.run(["redis-cli", "-s", self.redis_socket, "config", "set", "maxmemory", most], check=True, stdout=subprocess.DEVNULL)

    def read_only(self, on):
        for command in (f"ALTER SYSTEM SET default_transaction_read_only = {on}", "SELECT pg_reload_conf()"):
            done = self.stack.dev("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", "SET default_transaction_read_only = off",
                                  "-c", command)
            self.assertEqual(done.returncode, 0, done.stdout)

    # ---- what an operator sees

    def readiness(self, name):
        """The reasons of /readyz; an empty list where it is ready, None where nobody answers."""
        agent = REGIONS.index(name.removeprefix("agent-")) if name.startswith("agent-") else None
        port = {"coordinator": 9101, "archiver": 9103}.get(name) or 9102 + 10 * agent
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://127.0.0.1:{self.stack.port(port)}/readyz", timeout=2):
                return []
        except urllib.error.HTTPError as error:
            return json.loads(error.read())["reasons"]
        except OSError:
            return None

    def not_ready(self):
        return {name: reasons for name in DAEMONS if (reasons := self.readiness(name)) != []}

    def log_sizes(self):
        return {name: (self.stack.run_dir / f"logs/{name}.log").stat().st_size for name in DAEMONS}

    def said(self, since):
        """The events that each daemon has logged since."""
        found = {}
        for name, size in since.items():
            text = (self.stack.run_dir / f"logs/{name}.log").read_bytes()[size:].decode(errors="replace")
            found[name] = collections.Counter(re.findall(r'"event":"([^"]+)"', text))
        return found

    def steady(self, seconds, why):
        poll(seconds, self.not_ready, lambda found: not found, f"{why}: every daemon is ready")
        poll(seconds, self.seen, lambda seen: seen == (self.endpoints, 1.0), f"{why}: every endpoint is OK with coverage 1")

    def hold(self, fault):
        """While the fault lasts: the readiness that it must lead to comes, and stays until the end."""
        ends = time.monotonic() + fault.hold_s
        for name, reason in fault.ready.items():
            poll(SEEN_WITHIN_S, lambda name=name: self.readiness(name), lambda got, reason=reason: got is not None and reason in got,
                 f"{fault.name}: {name} says {reason}")
        if fault.coverage:
            poll(SEEN_WITHIN_S + 10, self.seen, lambda seen: seen == (self.endpoints, fault.coverage),
                 f"{fault.name}: every endpoint is OK with coverage {fault.coverage}")
        time.sleep(max(0.0, ends - time.monotonic()))

    def run_fault(self, fault):
        self.steady(WELL_WITHIN_S, f"before {fault.name}")
        since = self.log_sizes()
        self.note(f"{fault.name} begins")
        getattr(self, fault.begin[0])(*fault.begin[1:])
        try:
            self.hold(fault)
        finally:
            getattr(self, fault.end[0])(*fault.end[1:])
            self.note(f"{fault.name} ends")
        ended = time.monotonic()
        self.steady(WELL_WITHIN_S, f"after {fault.name}")
        well_after = time.monotonic() - ended
        said = self.said(since)
        for name, event in fault.events:
            self.assertIn(event, said[name], f"{fault.name}: {name} has not said {event}")
        told = sorted({event for events in said.values() for event in events
                       if event.split(".")[1] in ("lost", "stalled", "interrupted", "spooled", "fenced", "claimed", "refused", "failed")})
        print(f"    well again after {well_after:.1f} s; logged: {', '.join(told) or 'nothing'}", flush=True)

    # ---- the scenario

    def chosen(self):
        one, few = os.environ.get("QUORATE_FAULT"), os.environ.get("QUORATE_FAULTS")
        if one:
            return [fault for fault in FAULTS if fault.name == one]
        chance = random.Random(os.environ.get("QUORATE_FAULTS_SEED", self.seed))
        return chance.sample(FAULTS, int(few) if few else len(FAULTS))

    def around_faults(self):
        """The minutes from the begin of a fault to two windows after its end: what was due then may be unknown."""
        found = set()
        for (begun, _), (ended, _) in zip(self.disturbances[::2], self.disturbances[1::2]):
            minute = self.minute_of(begun) - self.window
            while minute <= ended + WELL_WITHIN_S / 2:
                found.add(minute)
                minute += self.window
        return found

    def test_nothing_is_lost_doubled_or_blamed_at_any_border(self):
        self.start_everything()
        self.put_behind_gates()
        self.steady(WELL_WITHIN_S, "behind the gates")
        first = self.minute_of(time.time()) + self.window
        chosen = self.chosen()
        self.assertTrue(chosen, "no such fault")
        for fault in chosen:
            self.run_fault(fault)
        last = self.minute_of(time.time())
        poll(60, self.last_minute, lambda sealed: sealed and sealed >= last, "the last minute is sealed")
        self.judge_borders(first, last)

    def judge_borders(self, first, last):
        cells = self.cells_once(first, last)
        around = self.around_faults()
        counts, wrong = collections.Counter(), []
        for cell in cells:
            near = cell["minute"] in around
            counts[f"{cell['verdict']}({cell['reason']}) {'near' if near else 'far'}"] += 1
            if cell["verdict"] not in ("UP", "SLOW") and not (near and cell["verdict"] == "UNKNOWN" and cell["reason"] in OURS):
                wrong.append(cell)
        for what, count in sorted(counts.items()):
            print(f"{count:7} {what}", flush=True)
        self.assertEqual(wrong[:20], [], "blamed, or unknown far from any fault")
        self.nobody_is_blamed()


if __name__ == "__main__":
    unittest.main()
