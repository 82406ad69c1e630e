"""An instance of ./dev up with a folder and ports of its own."""
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
QUORATE = REPO / "build/release/bin/quorate"
os.environ["QUORATE_CONFIG"] = "/dev/null"  # nobody's contexts
# What ./dev up listens on without an offset.
PORTS = [7443, 9101, 9102, 9103, 9112, 9122, 9132, 9142, *range(7501, 7509)]


class Stack:
    window_s = 5

    def __init__(self, as_user=()):
        """`as_user`: what ./dev is started by."""
        self.as_user = as_user
        self.run_dir = Path(tempfile.mkdtemp(prefix="quorate-e2e "))
        self.run_dir.chmod(0o755)  # the user of the database must get in
        self.offset = free_offset()
        # Nothing of a system's Redis or Postgres, nor of a user's settings for their clients, may be picked up.
        self.env = {**os.environ, "QUORATE_RUN_DIR": str(self.run_dir), "QUORATE_PORT_OFFSET": str(self.offset),
                    "PGHOST": "/nowhere", "PGPORT": "1", "PGUSER": "nobody-here", "PGDATABASE": "none", "PGSSLMODE": "require",
                    "REDISCLI_AUTH": "wrong"}
        print(f"folder {self.run_dir}, port offset {self.offset}", flush=True)

    def port(self, number):
        return number + self.offset

    def dev(self, *arguments, seconds=1200):
        """Runs ./dev; @return the finished process, with stdout and stderr in one text."""
        return subprocess.run([*self.as_user, REPO / "dev", *arguments], env=self.env, cwd=REPO, timeout=seconds, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)

    def up(self):
        return self.dev("up", "--detach", "--window", f"{self.window_s}s")

    def lab(self, *arguments):
        done = self.dev("lab", "set", *arguments)
        assert done.returncode == 0, done.stdout

    def quorate(self, *arguments):
        command = [QUORATE, *arguments]
        if arguments[0] != "probe":
            command += ["--server", f"127.0.0.1:{self.port(7443)}"]
        return subprocess.run(command, timeout=60, text=True, stdin=subprocess.DEVNULL, capture_output=True, check=False)

    @contextlib.contextmanager
    def quorate_in_background(self, *arguments):
        """A verb that goes on until it is ended; yields the process, whose stdout is a pipe of text."""
        process = subprocess.Popen([QUORATE, *arguments, "--server", f"127.0.0.1:{self.port(7443)}"], text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    def rows(self, query):
        """The rows of a query as dictionaries."""
        text = f"SELECT coalesce(json_agg(row_to_json(q)), '[]') FROM ({query}) q"
        done = self.dev("psql", "-qAt", "-v", "ON_ERROR_STOP=1", "-c", text)
        assert done.returncode == 0, done.stdout
        return json.loads(done.stdout)

    def pid(self, name):
        return int((self.run_dir / "pids" / name).read_text().split()[0])

    @staticmethod
    def runs(pid):
        """False too for a process that has ended and that only its parent has not noticed."""
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1][0] != "Z"
        except FileNotFoundError:
            return False

    def kill(self, name):
        """SIGKILL, as a crash or the kernel's out-of-memory killer would."""
        os.kill(self.pid(name), signal.SIGKILL)

    def processes(self):
        """Commands of whoever has our folder in their command line or environment, whoever started them; not those of tests."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            if int(entry.name) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes()
                if str(self.run_dir).encode() in command + (entry / "environ").read_bytes():
                    found.append(command.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def listening(self):
        return [port for port in map(self.port, PORTS) if not is_free(port)]

    def remove(self):
        private = self.run_dir / "private"
        if private.is_symlink():
            shutil.rmtree(private.resolve(), ignore_errors=True)
        shutil.rmtree(self.run_dir, ignore_errors=True)


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def free_offset():
    """An offset at which every port is free, below the range from which the kernel takes its own.

    None at all where QUORATE_E2E_DEFAULT_PORTS asks for it and they are free: CI, which has the machine to itself."""
    if os.environ.get("QUORATE_E2E_DEFAULT_PORTS") and all(map(is_free, PORTS)):
        return 0
    for _ in range(100):
        offset = random.randrange(10_000, 23_000, 200)
        if all(is_free(port + offset) for port in PORTS):
            return offset
    raise RuntimeError("no free range of ports found")


def poll(seconds, ask, good, what):
    """Asks until the answer is good; after the deadline fails with the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if good(answer):
            return answer
        if time.monotonic() >= deadline:
            raise AssertionError(f"{what}: not within {seconds} s; last answer: {answer}")
        time.sleep(0.3)
