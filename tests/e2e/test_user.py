#!/usr/bin/env python3
"""./dev up and down by somebody who is not root."""
import os
import signal
import subprocess
import sys
import unittest

from stack import Stack, poll

# As root: in a user namespace, where this user has the number 1000 and no capability; else as whoever runs the test.
ORDINARY_USER = ["unshare", "--user", "--map-user=1000", "--map-group=1000"] if os.getuid() == 0 else []
SKIPPED = 77  # as CMakeLists.txt says
HEALTHY = ("lab-legacy", "lab-modern", "lab-tls", "everything", "everything-sse", "stateless")


def namespaces_are_refused():
    done = subprocess.run([*ORDINARY_USER, "true"], text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stderr.strip() if done.returncode else ""


class User(unittest.TestCase):
    def setUp(self):
        signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
        self.stack = Stack(ORDINARY_USER)
        self.addCleanup(self.stack.remove)
        self.addCleanup(self.stack.dev, "down")

    def test_up_shows_healthy_endpoints_and_down_leaves_nothing(self):
        who = subprocess.run([*ORDINARY_USER, "id", "-u"], text=True, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        self.assertNotEqual(who.stdout.strip(), "0")
        done = self.stack.up()
        self.assertEqual(done.returncode, 0, done.stdout)
        for started_as_root in ("setpriv", "sudo"):
            self.assertNotIn(f"+ {started_as_root}", done.stdout)

        def states():
            rows = self.stack.rows("SELECT endpoint, state FROM dash.endpoint_status")
            return {row["endpoint"]: row["state"] for row in rows}
        poll(60, states, lambda found: all(found.get(name) == "OK" for name in HEALTHY) and found.get("refused") == "P1",
             "healthy endpoints OK, the refusing one P1")
        answer = self.stack.quorate("get")
        self.assertEqual(answer.returncode, 0, answer.stderr)
        pids = {name.name: self.stack.pid(name.name) for name in (self.stack.run_dir / "pids").iterdir()}
        self.assertGreaterEqual(len(pids), 13)

        done = self.stack.dev("down")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(self.stack.listening(), [])
        self.assertEqual([name for name, pid in pids.items() if self.stack.runs(pid)], [])
        self.assertEqual(self.stack.processes(), [])


if __name__ == "__main__":
    refused = namespaces_are_refused()
    if refused:
        print(f"SKIPPED e2e.user: no user namespace for an ordinary user: {refused}", flush=True)
        sys.exit(SKIPPED)
    unittest.main()
