"""A private Redis for one measurement: a Unix socket in a folder of its own, nothing on disk."""
import contextlib
import pathlib
import socket
import subprocess
import tempfile
import time

from rows import CannotMeasure

START_SECONDS = 20


@contextlib.contextmanager
def redis_server(core):
    """Yields its socket's path; it ends with the block."""
    with tempfile.TemporaryDirectory(prefix="quorate-bench-") as folder:
        path = pathlib.Path(folder) / "redis.sock"
        command = ["taskset", "-c", str(core), "redis-server", "--port", "0", "--unixsocket", str(path), "--save", "",
                   "--appendonly", "no", "--dir", folder, "--loglevel", "warning"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as server:
            try:
                _wait_until_it_listens(path, server)
                yield path
            finally:
                server.terminate()


def _wait_until_it_listens(path, server):
    give_up = time.monotonic() + START_SECONDS
    while time.monotonic() < give_up and server.poll() is None:
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(str(path))
                return
            except OSError:
                time.sleep(0.05)
    raise CannotMeasure("redis-server does not start")
