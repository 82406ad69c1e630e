"""Programs under test: run to their end, or as a daemon of which the service manager's end of NOTIFY_SOCKET is here."""
import os
import queue
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path


def run(*command, **options):
    """Runs it to its end; what it said is in the error where it fails."""
    done = subprocess.run([str(word) for word in command], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class Daemon:
    """A process that was told of a service manager, which wants a sign of life within `watchdog_s`."""

    def __init__(self, command, watchdog_s):
        self.folder = tempfile.TemporaryDirectory(prefix="quorate-notify-")
        path = Path(self.folder.name) / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        Path(self.folder.name).chmod(0o755)  # the daemon may be another user's
        path.chmod(0o777)
        # A manager that does not read holds up whoever writes, once some ten messages are waiting.
        self.messages = queue.SimpleQueue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()
        self.log = open(Path(self.folder.name) / "log", "w+", encoding="utf-8")
        environment = {**os.environ, "NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": str(int(watchdog_s * 1e6))}
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def _read(self):
        while message := self.socket.recv(4096):
            self.messages.put(message.decode().splitlines())

    def next(self, seconds):
        """The next message as a list of lines; None where none came in time."""
        try:
            return self.messages.get(timeout=seconds)
        except queue.Empty:
            return None

    def until(self, line, seconds=60):
        """Every line said until one of them is `line`; fails where it does not come."""
        said = []
        deadline = time.monotonic() + seconds
        while line not in said:
            left = deadline - time.monotonic()
            message = self.next(left) if left > 0 else None
            if message is None:
                raise AssertionError(f"{line} was not said within {seconds} s, but {said}; log:\n{self.logged()}")
            said += message
        return said

    def drain(self):
        """Takes what has come already."""
        while self.next(0.1) is not None:
            pass

    def logged(self):
        return Path(self.log.name).read_text(encoding="utf-8")

    def signal(self, number):
        self.process.send_signal(number)

    def end(self):
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
        self.socket.shutdown(socket.SHUT_RD)
        self.reader.join()
        self.socket.close()
        self.log.close()
        self.folder.cleanup()
