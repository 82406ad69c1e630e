"""The units: what systemd thinks of them, and each daemon started by its unit's command line."""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from installed import DAEMONS, Root
from postgres import postgres
from processes import Daemon, run
from redis_server import redis

EXPOSURE_MAX = 3.0
WATCHDOG_S = 2.0
PATIENCE_S = 3 * WATCHDOG_S  # on a machine that others use
NOBODY = 65534


class Units(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.root = Root()
        cls.addClassCleanup(cls.root.remove)
        cls.queues = cls.enterClassContext(redis())
        cls.database = cls.enterClassContext(postgres("32MB"))
        cls.identity = cls.as_unit()
        cls.database.psql("CREATE DATABASE quorate")
        cls.configure("archiver", cls.queues.url, cls.database.conninfo("quorate"))
        run(*cls.root.command("archiver"), "--migrate")
        cls.database.psql("ALTER ROLE quorate_coordinator LOGIN; ALTER ROLE quorate_archiver LOGIN")
        for daemon in DAEMONS:
            cls.configure(daemon, cls.queues.url, cls.database.conninfo("quorate", f"quorate_{daemon}"))

    def test_01_systemd_finds_nothing_wrong_with_them(self):
        with tempfile.TemporaryDirectory() as folder:
            for daemon in DAEMONS:
                # systemd looks for the programs and the manual pages on this machine: they are in the root.
                text = self.root.unit(daemon).read_text()
                for path in re.findall(r"^Exec\w+=(/usr/(?:bin|libexec)/\S+)", text, re.M):
                    text = text.replace(path, str(self.root.at(path)))
                unit = Path(folder) / f"quorate-{daemon}.service"
                unit.write_text(text)
                done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit], text=True,
                                      capture_output=True, check=False)
                self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_02_their_exposure_is_low(self):
        for daemon in DAEMONS:
            said = run("systemd-analyze", "security", "--offline=true", "--no-pager", self.root.unit(daemon))
            figure = float(re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)[1])
            print(f"exposure of quorate-{daemon}.service: {figure}", flush=True)
            self.assertLessEqual(figure, EXPOSURE_MAX, said)

    def test_03_they_differ_in_little(self):
        def common(daemon):
            text = self.root.unit(daemon).read_text().replace(daemon, "NAME")
            own = r"Description|After|EnvironmentFile|StateDirectory|StateDirectoryMode|#"
            return [line for line in text.splitlines() if line and not re.match(rf"(?:{own})", line)]

        self.assertEqual(common("agent"), common("coordinator"))
        self.assertEqual(common("agent"), common("archiver"))

    def test_04_automatic_restarts_come_ever_more_slowly(self):
        pause = self.root.command("agent", "ExecStartPre")
        with tempfile.TemporaryDirectory() as folder:
            environment = {**os.environ, "RUNTIME_DIRECTORY": folder}
            pauses = [int(run(*pause, "--print", env=environment)) for _ in range(9)]
            self.assertEqual(pauses, [0, 1, 2, 4, 8, 16, 32, 60, 60])
            long_ago = time.time() - 11 * 60
            os.utime(Path(folder) / "restarts", (long_ago, long_ago))
            self.assertEqual(run(*pause, "--print", env=environment), "0\n")

    def test_05_a_daemon_that_waits_for_its_stores_is_not_ready_and_lives(self):
        self.configure("agent", f"unix://{self.root.path}/none.sock", "")
        self.addCleanup(self.configure, "agent", self.queues.url, "")
        daemon = self.start("agent")
        said = daemon.until("STATUS=not ready: redis_unreachable")
        self.assertNotIn("READY=1", said)
        said = daemon.until("READY=1", 60)  # so long a start may take; see docs/adr/0045
        self.assertGreaterEqual(said.count("WATCHDOG=1"), 10, said)
        self.stop(daemon)

    def test_06_each_says_when_it_is_ready_that_it_lives_and_that_it_ends(self):
        for daemon in DAEMONS:
            with self.subTest(daemon):
                self.tell_the_story_of(daemon)

    def tell_the_story_of(self, name):
        daemon = self.start(name)
        said = daemon.until("READY=1")
        self.assertIn("STATUS=ready", said, "it was ready only for want of patience")
        for _ in range(3):
            daemon.until("WATCHDOG=1", PATIENCE_S)
        daemon.signal(signal.SIGHUP)
        said = daemon.until("READY=1")
        self.assertIn("RELOADING=1", said)
        # A loop that is stuck says nothing, until it goes on.
        daemon.signal(signal.SIGSTOP)
        os.waitid(os.P_PID, daemon.process.pid, os.WSTOPPED)
        daemon.drain()
        self.assertIsNone(daemon.next(1.5 * WATCHDOG_S))
        daemon.signal(signal.SIGCONT)
        daemon.until("WATCHDOG=1", PATIENCE_S)
        self.stop(daemon)

    def test_07_what_they_ask_of_the_kernel_their_filter_allows(self):
        strace = shutil.which("strace")
        self.assertTrue(strace, "strace is not installed")
        try:
            run(strace, "-o", "/dev/null", "true")
        except AssertionError as error:
            self.skipTest(f"nothing can be traced here: {error}")
        for daemon in DAEMONS:
            allowed = self.allowed_calls(daemon)
            self.assertIn("epoll_wait", allowed)
            self.assertNotIn("mount", allowed)
            with tempfile.TemporaryDirectory() as folder, self.subTest(daemon):
                calls = Path(folder) / "calls"
                Path(folder).chmod(0o777)
                traced = self.start(daemon, [strace, "-f", "-qq", "-c", "-U", "name", "-o", calls])
                self.assertIn("STATUS=ready", traced.until("READY=1", 120))
                self.stop(traced, 120)
                made = {line for line in calls.read_text().split() if re.fullmatch(r"[a-z_][a-z0-9_]*", line)} - {"syscall", "total"}
                self.assertIn("epoll_wait", made)
                self.assertEqual(made - allowed, set())

    def allowed_calls(self, daemon):
        """The system calls of a unit's filter, its groups taken apart."""
        allowed = set()
        for value in self.root.setting(daemon, "SystemCallFilter"):
            groups = {call for group in value.lstrip("~").split() for call in calls_of(group)}
            allowed = allowed - groups if value.startswith("~") else allowed | groups
        return allowed | {"execve"}  # of systemd itself, into the daemon

    @classmethod
    def as_unit(cls):
        """What gives a command the rights that its unit leaves it: a user who owns but its state folder, and is in the group of the package."""
        state = cls.root.at("/var/lib/quorate-agent")  # systemd's StateDirectory=
        state.mkdir(parents=True)
        if os.geteuid() != 0:
            return []
        os.chown(state, NOBODY, NOBODY)
        for store in (cls.queues, cls.database):
            store.folder.chmod(0o755)
        group = cls.root.at("/etc/quorate").stat().st_gid
        return ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", f"--groups={group}", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]

    @classmethod
    def configure(cls, daemon, url, conninfo):
        """What an operator does to the installed file."""
        file = cls.root.at(f"/etc/quorate/{daemon}.yaml")
        text = re.sub(r"^  url: .*", f'  url: "{url}"', file.read_text(), flags=re.M)
        text = re.sub(r"conninfo: .*", f'conninfo: "{conninfo}"', text)
        text = re.sub(r"port: \d+", "port: 0", text)
        text = re.sub(r"directory: .*", f'directory: "{cls.root.at("/var/lib/quorate-agent/spool")}"', text)
        file.write_text(text)

    def start(self, name, before=()):
        daemon = Daemon([*self.identity, *before, *self.root.command(name)], WATCHDOG_S)
        self.addCleanup(daemon.end)
        return daemon

    def stop(self, daemon, seconds=30):
        target = daemon.process.pid
        children = Path(f"/proc/{target}/task/{target}/children").read_text().split()
        if "strace" in Path(f"/proc/{target}/comm").read_text():
            target = int(children[0])
        os.kill(target, signal.SIGTERM)
        daemon.until("STOPPING=1", seconds)
        self.assertEqual(daemon.process.wait(timeout=seconds), 0, daemon.logged())


def calls_of(group):
    if not group.startswith("@"):
        return {group}
    words = [line.strip() for line in run("systemd-analyze", "syscall-filter", "--no-pager", group).splitlines()]
    words = [word for word in words[1:] if word and not word.startswith("#")]
    return {call for word in words for call in calls_of(word)}


if __name__ == "__main__":
    unittest.main()
