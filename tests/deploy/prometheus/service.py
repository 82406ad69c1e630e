"""A small deployment with all that Prometheus scrapes: Redis over TLS, Postgres, the daemons, the exporters, each on loopback."""
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path[:0] = [str(pathlib.Path(__file__).parents[1])]
from postgres import postgres  # noqa: E402

REPO = pathlib.Path(__file__).resolve().parents[3]
BIN = pathlib.Path(os.environ.get("QUORATE_BIN", REPO / "build/release/bin"))
SECONDS = 120
REGIONS = ["eu-west", "us-east"]
_SUBJECT = {"server": "subjectAltName=DNS:localhost,IP:127.0.0.1", "admin": "subjectAltName=DNS:admin.test"}


def poll(ask, good, what, seconds=SECONDS):
    """Asks until the answer is good; after the deadline fails with the last answer."""
    give_up = time.monotonic() + seconds
    while True:
        answer = ask()
        if good(answer):
            return answer
        if time.monotonic() > give_up:
            raise AssertionError(f"{what}: not within {seconds} s; last answer: {answer}")
        time.sleep(0.2)


def free_ports(count):
    """Ports that nobody has now: exporters can't say which one the system chose."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def get(url):
    """Status and body; None where nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return None, ""


def certificates(folder):
    """ca.pem, and server and admin signed by it."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "400",
            "-subj", "/CN=test authority")
    for name, extension in _SUBJECT.items():
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / f"{name}.ext").write_text(extension + "\n")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "300", "-out", f"{name}.pem",
                "-extfile", f"{name}.ext")


class Service:
    def __init__(self, folder, database, stack):
        self.folder, self.database, self.stack, self.processes = folder, database, stack, {}
        names = ["redis", "redis_tls", "grpc", "coordinator", "archiver", *REGIONS, "redis_exporter", "postgres_exporter", "blackbox", "prometheus"]
        self.ports = dict(zip(names, free_ports(len(names))))

    def address(self, name):
        return f"127.0.0.1:{self.ports[name]}"

    def start(self, name, command, environment=None):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *map(str, command)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       cwd=self.folder, env={**os.environ, **(environment or {})})
        self.processes[name] = process
        self.stack.callback(self.end, name)

    def end(self, name):
        process = self.processes.pop(name, None)
        if process is not None:
            process.terminate()
            try:
                process.wait(25)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def daemon(self, name, program, config):
        config |= {"health": {"address": "127.0.0.1", "port": self.ports[name]}, "redis": {"url": f"redis://{self.address('redis')}"}}
        (self.folder / f"{name}.yaml").write_text(json.dumps(config))  # JSON is YAML
        self.start(name, [BIN / program, "--config", self.folder / f"{name}.yaml"])

    def start_redis(self):
        self.start("redis", ["redis-server", "--port", self.ports["redis"], "--bind", "127.0.0.1", "--tls-port", self.ports["redis_tls"], "--tls-cert-file",
                             "server.pem", "--tls-key-file", "server.key", "--tls-ca-cert-file", "ca.pem", "--save", "", "--appendonly", "no",
                             "--maxmemory", "64mb", "--maxmemory-policy", "noeviction", "--dir", self.folder])

    def start_daemons(self):
        conninfo = {user: self.database.conninfo("quorate", user) for user in ("postgres", "quorate_coordinator", "quorate_archiver")}
        common = {"window": "5s", "shards": 4}
        (self.folder / "migrate.yaml").write_text(json.dumps({**common, "postgres": {"conninfo": conninfo["postgres"]},
                                                              "redis": {"url": f"redis://{self.address('redis')}"}}))
        self.database.psql("CREATE DATABASE quorate")
        subprocess.run([BIN / "quorate-archiver", "--config", self.folder / "migrate.yaml", "--migrate"], check=True, stdout=subprocess.DEVNULL)
        self.database.psql("ALTER ROLE quorate_coordinator LOGIN; ALTER ROLE quorate_archiver LOGIN")
        self.daemon("coordinator", "quorate-coordinator", {
            **common, "regions": REGIONS, "postgres": {"conninfo": conninfo["quorate_coordinator"]},
            "grpc": {"address": "127.0.0.1", "port": self.ports["grpc"], "admins": ["admin.test"],
                     "tls": {"certificate": str(self.folder / "server.pem"), "key": str(self.folder / "server.key"),
                             "client_ca": str(self.folder / "ca.pem")}}})
        self.daemon("archiver", "quorate-archiver", {**common, "postgres": {"conninfo": conninfo["quorate_archiver"]}})
        for region in REGIONS:
            self.daemon(region, "quorate-agent", {"region": region, "name": f"{region}-1", "allow_private_addresses": True,
                                                  "spool": {"directory": str(self.folder / f"spool-{region}")}})
        for name in ("coordinator", "archiver", *REGIONS):
            poll(lambda name=name: get(f"http://{self.address(name)}/readyz"), lambda answer: answer[0] == 200, f"{name} is ready")

    def quorate(self, *arguments, as_admin=True):
        command = [BIN / "quorate", *arguments, "--server", f"localhost:{self.ports['grpc']}", "--tls-ca", self.folder / "ca.pem"]
        if as_admin:
            command += ["--tls-cert", self.folder / "admin.pem", "--tls-key", self.folder / "admin.key"]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, "QUORATE_CONFIG": "/dev/null"})

    def start_exporters(self, blackbox_config):
        self.start("redis_exporter", ["prometheus-redis-exporter", "-redis.addr", f"redis://{self.address('redis')}", "-check-streams", "{r*}:jobs",
                                      "-web.listen-address", self.address("redis_exporter")])
        self.start("postgres_exporter", ["prometheus-postgres-exporter", f"--web.listen-address={self.address('postgres_exporter')}"],
                   {"DATA_SOURCE_NAME": self.database.conninfo("quorate")})
        self.start("blackbox", ["prometheus-blackbox-exporter", f"--config.file={blackbox_config}", f"--web.listen-address={self.address('blackbox')}"])


@contextlib.contextmanager
def service():
    """Yields it with daemons that are ready."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quorate-prom-", ignore_cleanup_errors=True)))
        made = Service(folder, stack.enter_context(postgres("32MB")), stack)
        certificates(folder)
        made.start_redis()
        made.start_daemons()
        yield made
