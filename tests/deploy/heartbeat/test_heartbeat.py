"""The dead man's switch: coordinator and archiver, real stores, and a real HTTP(S) server that they call."""
import contextlib
import http.server
import json
import os
import queue
import re
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1])]
from postgres import postgres  # noqa: E402
from processes import Daemon, run  # noqa: E402
from redis_server import redis  # noqa: E402

BIN = Path(os.environ.get("QUORATE_BIN", Path(__file__).resolve().parents[3] / "build/release/bin"))
INTERVAL_S = 1
SECRET = "0b7c-a-path-that-nobody-else-may-know"


class Switch:
    """A server that keeps what it was asked, and answers with `status`, or nothing where that is None."""

    def __init__(self, certificate=None):
        self.calls, self.status, switch = queue.Queue(), 200, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                switch.calls.put(f"{self.command} {self.path} {self.headers['Host']}")
                if switch.status is None:
                    self.rfile.read(1)  # until the other side gives up
                    return
                self.send_response(switch.status)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda request, address: None
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()

    def next(self, seconds=30):
        """The next call; None where there is none in time."""
        try:
            return self.calls.get(timeout=seconds)
        except queue.Empty:
            return None

    def drain(self):
        while self.next(0.01):
            pass

    def end(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Heartbeat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.redis = cls.enterClassContext(redis())
        database = cls.enterClassContext(postgres("32MB"))
        database.psql("CREATE DATABASE quorate")
        cls.conninfo = database.conninfo("quorate")
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="quorate-heartbeat-")))
        run(BIN / "quorate-archiver", "--config", cls.config("archiver", ""), "--migrate")

    @classmethod
    def config(cls, name, heartbeat):
        file = cls.folder / f"{name}.yaml"
        text = f'window: 2s\nredis: {{url: "{cls.redis.url}"}}\npostgres: {{conninfo: "{cls.conninfo}"}}\nhealth: {{port: 0}}\n{heartbeat}'
        if name == "coordinator":
            text += "regions: [local]\ngrpc: {port: 0}\n"
        file.write_text(text)
        return file

    def start(self, name, heartbeat):
        daemon = Daemon([BIN / f"quorate-{name}", "--config", self.config(name, heartbeat)], 2)
        self.addCleanup(daemon.end)
        return daemon

    def switch(self, certificate=None):
        switch = Switch(certificate)
        self.addCleanup(switch.end)
        return switch

    def events(self, daemon):
        lines = [json.loads(line) for line in daemon.logged().splitlines() if line.startswith("{")]
        return [(line["event"], line.get("detail")) for line in lines if line["event"].startswith("heartbeat.")]

    def heartbeat(self, scheme, port, more=""):
        return f'heartbeat: {{url: "{scheme}://127.0.0.1:{port}/{SECRET}?a=b", interval: {INTERVAL_S}s{more}}}\n'

    def metrics(self, daemon):
        # The system chose the port: the kernel knows it. The admin API answers no HTTP/1.
        pid = daemon.process.pid
        inodes = set()
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed meanwhile
                if "socket" in (target := str(link.readlink())):
                    inodes.add(re.sub(r"\D", "", target))
        for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and words[9] in inodes:
                try:
                    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
                    text = opener.open(f"http://127.0.0.1:{int(words[1].split(':')[1], 16)}/metrics", timeout=10).read().decode()
                    return dict(re.findall(r"^(quorate_heartbeat\S*) (\S+)$", text, re.M))
                except OSError:
                    continue
                except Exception as error:  # not HTTP
                    if "BadStatusLine" not in type(error).__name__:
                        raise
        self.fail("no health server was found")

    def test_1_is_called_while_the_daemon_is_well_and_no_longer(self):
        for name in ("archiver", "coordinator"):
            with self.subTest(name):
                switch = self.switch()
                daemon = self.start(name, self.heartbeat("http", switch.port))
                self.assertEqual(switch.next(), f"GET /{SECRET}?a=b 127.0.0.1:{switch.port}")
                self.assertIsNotNone(switch.next(10 * INTERVAL_S))
                self.redis.process.send_signal(signal.SIGSTOP)
                daemon.until("STATUS=not ready: redis_unreachable")
                switch.drain()
                self.assertIsNone(switch.next(3 * INTERVAL_S))
                self.assertEqual(self.events(daemon), [("heartbeat.answered", None), ("heartbeat.withheld", "redis_unreachable")])
                self.redis.process.send_signal(signal.SIGCONT)
                self.assertIsNotNone(switch.next(60))
                self.assertEqual(self.events(daemon)[2:], [("heartbeat.resumed", None)])
                daemon.signal(signal.SIGTERM)
                self.assertEqual(daemon.process.wait(timeout=30), 0)

    def test_2_a_failure_is_told_once_and_counted(self):
        switch = self.switch()
        switch.status = 404
        daemon = self.start("archiver", self.heartbeat("http", switch.port))
        for _ in range(3):
            self.assertIsNotNone(switch.next())
        self.assertEqual(self.events(daemon), [("heartbeat.failed", "HTTP status 404")])
        metrics = self.metrics(daemon)
        self.assertGreaterEqual(float(metrics['quorate_heartbeat_calls_total{outcome="failed"}']), 2)
        self.assertEqual(float(metrics["quorate_heartbeat_success_timestamp_seconds"]), 0)
        switch.status = 204
        switch.drain()
        for _ in range(2):
            self.assertIsNotNone(switch.next())
        self.assertEqual(self.events(daemon)[1:], [("heartbeat.answered", None)])
        metrics = self.metrics(daemon)
        self.assertGreaterEqual(float(metrics['quorate_heartbeat_calls_total{outcome="answered"}']), 1)
        self.assertGreater(float(metrics["quorate_heartbeat_success_timestamp_seconds"]), 1.7e9)
        self.assertNotIn(SECRET, daemon.logged())

    def test_3_a_silent_server_costs_ten_seconds_and_no_end(self):
        switch = self.switch()
        switch.status = None
        daemon = self.start("archiver", self.heartbeat("http", switch.port))
        self.assertIsNotNone(switch.next())
        self.assertIsNotNone(switch.next(40))
        self.assertEqual(self.events(daemon), [("heartbeat.failed", "no answer within 10 s")])
        daemon.signal(signal.SIGTERM)  # amid the second call
        self.assertEqual(daemon.process.wait(timeout=9), 0)

    def test_4_over_tls_a_certificate_must_be_sound(self):
        for name, common, trusted, wrong in (("good", "127.0.0.1", True, None), ("unknown", "127.0.0.1", False, "self-signed"),
                                             ("other", "127.0.0.2", True, "mismatch")):
            with self.subTest(name):
                certificate = self.folder / f"{name}.pem"
                run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-keyout",
                    self.folder / "key", "-out", self.folder / "cert", "-subj", "/CN=test", "-addext", f"subjectAltName=IP:{common}")
                certificate.write_text((self.folder / "key").read_text() + (self.folder / "cert").read_text())
                switch = self.switch(certificate)
                more = f', ca_file: "{certificate}"' if trusted else ""
                daemon = self.start("archiver", self.heartbeat("https", switch.port, more))
                if not wrong:
                    self.assertEqual(switch.next(), f"GET /{SECRET}?a=b 127.0.0.1:{switch.port}")
                    continue
                daemon.until("STATUS=ready")
                self.assertIsNone(switch.next(3 * INTERVAL_S))
                ((event, detail),) = self.events(daemon)
                self.assertEqual(event, "heartbeat.failed")
                self.assertIn(wrong, detail)

    def test_5_a_url_that_is_none_is_refused_and_not_repeated(self):
        for url in (f"ftp://h/{SECRET}", f"https:///{SECRET}", f"https://user@h/{SECRET}", f"https://h/#{SECRET}", f"h/{SECRET}"):
            file = self.config("archiver", f'heartbeat: {{url: "{url}"}}\n')
            done = subprocess.run([BIN / "quorate-archiver", "--config", file, "--check-config"], text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn("heartbeat.url", done.stderr)
            self.assertNotIn(SECRET, done.stderr)


if __name__ == "__main__":
    unittest.main()
