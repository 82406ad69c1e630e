"""A private Postgres for a test: a Unix socket in a folder of its own, no TCP port, trust authentication."""
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
START_SECONDS = 60
for _name in [name for name in os.environ if name.startswith("PG")]:
    del os.environ[_name]  # the caller's settings of libpq are for other servers


class Postgres:
    def __init__(self, folder):
        self.folder = folder

    def conninfo(self, database, user="postgres"):
        return f"host={self.folder} dbname={database} user={user}"

    def psql(self, text, database="postgres", user="postgres", options=(), seconds=600):
        """Runs a script, which ends at its first error; @return what psql printed."""
        done = subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", *options, self.conninfo(database, user)],
                              input=text, text=True, capture_output=True, timeout=seconds, check=False)
        if done.returncode != 0:
            raise AssertionError(f"psql failed: {done.stderr.strip()}\n{text[:2000]}")
        return done.stdout

    def value(self, query, database):
        return self.psql(query, database, options=("-At",)).strip()


def _as_owner():
    """postgres refuses to run as root. The server dies with the test that started it."""
    command = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        command += ["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]
    return command


@contextlib.contextmanager
def postgres(buffers="256MB", address=""):
    """Yields a running server, which ends with the block, and its folder with it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="qpg-"))
    try:
        if os.geteuid() == 0:
            os.chown(folder, pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid)
        subprocess.run([*_as_owner(), BIN / "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8",
                        "--locale=C", folder / "data"], check=True, stdout=subprocess.DEVNULL, cwd="/")
        settings = {"listen_addresses": address, "unix_socket_directories": folder, "fsync": "off", "full_page_writes": "off",
                    "wal_level": "minimal", "max_wal_senders": 0, "max_wal_size": "4GB", "shared_buffers": buffers,
                    "timezone": "UTC", "log_min_messages": "warning"}
        command = [*_as_owner(), BIN / "postgres", "-D", folder / "data"]
        for name, setting in settings.items():
            command += ["-c", f"{name}={setting}"]
        with open(folder / "postgres.log", "wb") as log:
            server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/")
        try:
            _wait_until_ready(folder, server)
            yield Postgres(folder)
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(folder, server):
    give_up = time.monotonic() + START_SECONDS
    while subprocess.run([BIN / "pg_isready", "-q", "-h", folder], check=False).returncode != 0:
        if server.poll() is not None or time.monotonic() > give_up:
            raise AssertionError("postgres did not start: " + (folder / "postgres.log").read_text())
        time.sleep(0.05)
