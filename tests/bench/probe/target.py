"""The endpoint under `./dev bench probe`: nginx on loopback with fixed answers, over HTTP and over TLS 1.3."""
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import threading
import time

HOST = "mcp.test"
ADDRESSES = 200  # 127.0.1.1 and on: one address alone runs out of ports for connections just closed

_SCHEMAS = ('{"type":"object","properties":{"query":{"type":"string"},"limit":{"type":"integer"}},"required":["query"]}',
            '{"type":"object","properties":{"id":{"type":"string"}},"required":["id"]}')
BODIES = {
    "DISCOVER": '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete","supportedVersions":["2026-07-28"],'
                '"capabilities":{"tools":{}},"ttlMs":300,"cacheScope":"private","_meta":{}}}',
    "INITIALIZE": '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-11-25","capabilities":'
                  '{"tools":{"listChanged":false}},"serverInfo":{"name":"bench-target","version":"1.0.0"}}}',
    "MODERN_TOOLS": '{"jsonrpc":"2.0","id":2,"result":{"resultType":"complete","ttlMs":300,"cacheScope":"private","tools":['
                    f'{{"name":"search","description":"Full text search in documents","inputSchema":{_SCHEMAS[0]}}},'
                    f'{{"name":"fetch","description":"Fetch one document by id","inputSchema":{_SCHEMAS[1]}}}]}}}}',
    "LEGACY_TOOLS": '{"jsonrpc":"2.0","id":2,"result":{"tools":['
                    '{"name":"search","title":"Search","description":"Full text search in all the documents of the collection",'
                    f'"inputSchema":{_SCHEMAS[0]}}},'
                    '{"name":"fetch","title":"Fetch","description":"Fetch one document by id",'
                    f'"inputSchema":{_SCHEMAS[1]}}}]}}}}',
}
# Another answer each time: nginx puts 32 hexadecimal digits in the place of the variable.
CHANGING = {
    "CHANGING_DISCOVER": BODIES["DISCOVER"].replace('"_meta":{}', '"_meta":{"example.com/id":"$request_id"}'),
    "CHANGING_TOOLS": BODIES["MODERN_TOOLS"].replace("Fetch one document by id", "$request_id")
                                            .replace("Full text search in documents", "Search the documents."),
}
INITIALIZED = '{"jsonrpc":"2.0","method":"notifications/initialized"}'


def free_port():
    """Free on the first address, and so most likely on all of them."""
    with socket.socket() as probe:
        probe.bind(("127.0.1.1", 0))
        return probe.getsockname()[1]


def make_certificates(directory):
    """A P-256 authority (ca.pem) and a P-256 leaf for HOST (leaf.pem, leaf.key)."""
    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], cwd=directory, check=True, capture_output=True)
    (directory / "leaf.ext").write_text("basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n"
                                        f"extendedKeyUsage=serverAuth\nsubjectAltName=DNS:{HOST}\n")
    for key in "ca.key", "leaf.key":
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
    openssl("req", "-x509", "-new", "-key", "ca.key", "-days", "90", "-subj", "/CN=Quorate bench authority",
            "-addext", "keyUsage=critical,keyCertSign", "-out", "ca.pem")
    openssl("req", "-new", "-key", "leaf.key", "-subj", f"/CN={HOST}", "-out", "leaf.csr")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "90",
            "-extfile", "leaf.ext", "-out", "leaf.pem")
    return directory / "ca.pem"


class Target:
    """nginx, one process, pinned to `core`; files in `directory`."""

    def __init__(self, directory, core):
        self.directory = pathlib.Path(directory)
        self.ca_file = make_certificates(self.directory)
        self.http_port, self.https_port = free_port(), free_port()
        addresses = [f"127.0.1.{i + 1}" for i in range(ADDRESSES)]
        listen = [f"listen {address}:{port}{tls} backlog=4096;" for address in addresses
                  for port, tls in ((self.http_port, ""), (self.https_port, " ssl"))]
        values = dict(BODIES, **CHANGING, DIR=str(self.directory), LISTEN="\n        ".join(listen),
                      DESCRIPTORS=str(resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
                      INITIALIZED_LENGTH=str(len(INITIALIZED)))
        text = pathlib.Path(__file__).with_name("nginx.conf.in").read_text()
        for name, value in values.items():
            text = text.replace(f"@{name}@", value)
        config = self.directory / "nginx.conf"
        config.write_text(text)
        # Where Debian puts it, an ordinary user does not look.
        nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin") or "nginx"
        self.process = subprocess.Popen(["taskset", "-c", str(core), nginx, "-c", str(config), "-p", str(self.directory),
                                         "-e", str(self.directory / "error.log")], stdin=subprocess.DEVNULL)
        self._wait_until_it_listens()

    def _wait_until_it_listens(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.1.1", self.https_port), 1).close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise RuntimeError("nginx did not start: " + (self.directory / "error.log").read_text())

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    def port(self, scheme):
        return self.https_port if scheme == "https" else self.http_port

    def url(self, scheme, path):
        return f"{scheme}://{HOST}:{self.port(scheme)}{path}"


class Recorder:
    """A relay in front of the target that keeps what a client sends, request by request: the reference sends the
    very bytes that the engine sends. Takes one connection, on an address that the target leaves free."""

    NETWORK = "127.0.2"  # its first address

    def __init__(self, port):
        self.requests = []
        self._port = port
        self._listener = socket.create_server((f"{self.NETWORK}.1", port))
        self._thread = threading.Thread(target=self._relay, daemon=True)
        self._thread.start()

    def _relay(self):
        client, _ = self._listener.accept()
        with client, socket.create_connection(("127.0.1.1", self._port)) as server:
            self._answered = True
            threading.Thread(target=self._answers, args=(server, client), daemon=True).start()
            while chunk := client.recv(65536):
                if self._answered:
                    self.requests.append(b"")
                self._answered = False
                self.requests[-1] += chunk
                server.sendall(chunk)

    def _answers(self, server, client):
        while chunk := server.recv(65536):
            self._answered = True
            client.sendall(chunk)

    def finish(self):
        """The requests, once the client has closed."""
        self._thread.join(10)
        self._listener.close()
        return self.requests
