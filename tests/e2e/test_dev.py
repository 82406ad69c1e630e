#!/usr/bin/env python3
"""What ./dev says without starting anything."""
import os
import re
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from stack import REPO, free_offset


class Dev(unittest.TestCase):
    def setUp(self):
        self.run_dir = Path(tempfile.mkdtemp(prefix="quorate-dev-"), "run")
        self.addCleanup(shutil.rmtree, self.run_dir.parent)
        self.env = {**os.environ, "QUORATE_RUN_DIR": str(self.run_dir)}

    def dev(self, *arguments, **variables):
        return subprocess.run([REPO / "dev", *arguments], env={**self.env, **variables}, timeout=120, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)

    def test_every_verb_answers_help(self):
        usage = self.dev("--help")
        self.assertEqual((usage.returncode, usage.stderr), (0, ""))
        verbs = re.findall(r"^\./dev ([a-z-]+)", usage.stdout, re.M)
        self.assertGreaterEqual(len(verbs), 13)
        for verb in (*verbs, "lab set"):
            for flag in ("--help", "-h"):
                if flag == "-h" and verb in ("psql", "redis-cli"):
                    continue  # an option of theirs: the host
                done = self.dev(*verb.split(), flag)
                self.assertEqual((done.returncode, done.stderr), (0, ""), (verb, flag))
                self.assertTrue(done.stdout.startswith(f"./dev {verb}"), (verb, done.stdout))
        self.assertFalse(self.run_dir.exists())

    def test_wrong_usage_is_status_two_and_names_the_word(self):
        for arguments in (["bogus"], ["bogus", "--help"], ["up", "--bogus"], ["test", "bogus"], ["build", "bogus"],
                          ["lab", "set", "--bogus"], ["bench", "bogus"], ["regions", "bogus"], ["regions", "up", "--bogus"],
                          ["regions", "cut", "--bogus"]):
            done = self.dev(*arguments)
            self.assertEqual((done.returncode, done.stdout), (2, ""), arguments)
            self.assertIn("bogus", done.stderr.splitlines()[0], arguments)

    def test_ports_are_found_where_there_is_no_ipv6(self):
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 0))
            squatter.listen()
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "repo=$1; . scripts/common.sh; . scripts/processes.sh; "
                 "socket_tables=(/proc/net/tcp /nowhere); taken=$(listening_ports); echo \"$taken\"", "-", REPO],
                cwd=REPO, env=self.env, text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn(str(squatter.getsockname()[1]), done.stdout.split())

    def test_clients_make_nothing_when_nothing_runs(self):
        for client in ("psql", "redis-cli"):
            done = self.dev(client)
            self.assertEqual((done.returncode, done.stderr), (1, "dev: nothing runs: ./dev up\n"))
        self.assertFalse(self.run_dir.exists())

    def test_regions_without_a_right_to_namespaces_are_refused_in_one_line(self):
        if os.geteuid() == 0:
            command, why = ["setpriv", "--bounding-set=-sys_admin"], "network namespaces are not permitted here: "
        else:
            command, why = [], "network namespaces need root"
        done = subprocess.run([*command, REPO / "dev", "regions", "up"], env=self.env, timeout=120, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(why, done.stderr)
        self.assertFalse(self.run_dir.exists())

    def test_a_port_in_use_is_said_before_anything_is_installed_or_built(self):
        offset = free_offset()
        with socket.socket() as squatter:
            squatter.bind(("127.0.0.1", 7443 + offset))
            squatter.listen()
            done = self.dev("up", "--detach", QUORATE_PORT_OFFSET=str(offset))
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        self.assertIn(f"port {7443 + offset} is in use", done.stderr)


if __name__ == "__main__":
    unittest.main()
