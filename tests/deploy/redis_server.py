"""A private Redis for a test, on a Unix socket in a folder of its own, no TCP port."""
import contextlib
import pathlib
import subprocess
import tempfile

START_TRIES = 300


class Redis:
    def __init__(self, folder, process):
        self.folder = pathlib.Path(folder)
        self.process = process
        self.url = f"unix://{folder}/redis.sock"


@contextlib.contextmanager
def redis():
    """Yields a running server, which ends with the block."""
    with tempfile.TemporaryDirectory(prefix="qredis-") as folder:
        command = ["setpriv", "--pdeathsig", "KILL", "redis-server", "--port", "0", "--unixsocket", f"{folder}/redis.sock", "--unixsocketperm", "777", "--dir", folder,
                   "--save", "", "--maxmemory-policy", "noeviction"]
        log = pathlib.Path(folder) / "redis.log"
        with open(log, "wb") as out:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            _wait_until_ready(folder, process, log)
            yield Redis(folder, process)
        finally:
            process.kill()
            process.wait()


def _wait_until_ready(folder, process, log):
    for _ in range(START_TRIES):
        if subprocess.run(["redis-cli", "-s", f"{folder}/redis.sock", "ping"], capture_output=True, check=False).returncode == 0:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
            break
    raise AssertionError("redis-server did not start: " + log.read_text())
