"""`./dev bench peers`: the probe beside what one would use instead, on the same servers."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import tempfile
import threading
import urllib.request

from cpu_time import settled_kib
from probe.blackbox import Blackbox
from rows import CannotMeasure, Row

REPO = pathlib.Path(__file__).resolve().parents[3]
LAB = REPO / "tests/support/lab"
CLIENT = pathlib.Path(__file__).with_name("client.mjs")
ROUNDS = 3
SECONDS = 2.5
ENGINE_RATE = 1500  # probes a second: few enough that no port is wanted twice
IN_FLIGHT = 1000
TIMEOUT_S = 3
HEADERS = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream",
           "MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/list"}
QUESTION = {"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {"_meta": {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientInfo": {"name": "peer", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {}}}}


def request():
    """The POST that the exporter sends, as bytes."""
    head = "POST /mcp HTTP/1.1\r\n" + "\r\n".join(f"{name}: {value}" for name, value in HEADERS.items())
    return head.encode() + b"\r\n\r\n" + json.dumps(QUESTION).encode()


@contextlib.contextmanager
def running(command, **how):
    """A process that ends with its standard input or by SIGTERM; yields it and the first line that it printed."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **how) as process:
        try:
            line = process.stdout.readline().strip()
            if not line:
                raise CannotMeasure(f"{command[0]} said nothing")
            yield process, line
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


class Peers:
    def __init__(self, build, directory, ca_file, cores):
        self.build, self.directory, self.cores = build, directory, cores
        self.blackbox = Blackbox(directory, request(), ca_file, cores[0], cores[1], f"{TIMEOUT_S}s")

    def pinned(self, *command, core=0):
        return ["taskset", "-c", str(self.cores[core]), *map(str, command)]

    def ask(self, *command):
        done = subprocess.run(self.pinned(*command), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False)
        if not done.stdout.strip():
            raise CannotMeasure(f"{command[0]}: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def client(self, *arguments):
        return self.ask("node", CLIENT, LAB, *arguments)

    # ---- CPU of one probe

    def cpu_rows(self):
        with running(self.pinned(self.build / "tests/mcp_target", "/dev/null", core=1)) as (_, port):
            url = f"http://127.0.0.1:{port}/mcp"
            runs = {"quorate": [], "blackbox": [], "client": []}
            for _ in range(ROUNDS):
                runs["quorate"].append(self.ask(self.build / "bench/bench_probe_engine", "--url", url, "--network", "127.0.0", "load",
                                                "--seconds", SECONDS, "--rate", ENGINE_RATE))
                runs["blackbox"].append(self.blackbox.load("http", int(port), SECONDS, addresses=1))
                runs["client"].append(self.client("load", url, SECONDS, 16))
        for name, taken in runs.items():
            if any(run.get("errors") for run in taken):
                raise CannotMeasure(f"{name}: a run with errors: {taken}")
            yield Row(f"peers.cpu.{name}", statistics.median(run["cpu_us"] for run in taken), "us")
        for name in "blackbox", "client":
            ratio = statistics.median(ours["cpu_us"] / theirs["cpu_us"] for ours, theirs in zip(runs["quorate"], runs[name]))
            yield Row(f"peers.cpu.{name}.ratio", ratio, "ratio")

    # ---- memory with probes in flight

    def memory_rows(self):
        with running(self.pinned(self.build / "bench/bench_hang_server", core=1)) as (_, port):
            url = f"http://127.0.1.1:{port}/mcp"
            ours = self.ask(self.build / "bench/bench_probe_engine", "--url", url, "--timeout-ms", 8000, "hang",
                            "--in-flight", IN_FLIGHT, "--rate", 500)
            yield Row("peers.memory.quorate", ours["resident_kib"] / 1024, "MiB")
            with running(self.pinned("node", CLIENT, LAB, "hang", url, IN_FLIGHT)) as (process, _):
                yield Row("peers.memory.client", settled_kib(process.pid) / 1024, "MiB")
            yield Row("peers.memory.blackbox", self.blackbox.hanging_kib(url, IN_FLIGHT) / 1024, "MiB")

    # ---- what each says of ten sick servers

    def notice_rows(self):
        noticed, lines = {"quorate": 0, "blackbox": 0, "client": 0}, []
        with sick_servers(self.directory) as servers:
            self.check_healthy(servers)
            for name, url, break_it, mend in servers.cases():
                break_it()
                said = {"quorate": self.quorate_says(url, servers.ca_file), "blackbox": self.blackbox_says(url),
                        "client": self.client_says(url, servers.ca_file)}
                mend()
                for peer, (saw, _) in said.items():
                    noticed[peer] += saw
                lines.append((name, *(text for _, text in said.values())))
            print(f"{'sick in this way':26} {'quorate':44} {'blackbox exporter':40} official client")
            for name, ours, blackbox, client in lines:
                print(f"{name:26} {ours:44} {blackbox:40} {client[:90]}")
        for peer, count in noticed.items():
            yield Row(f"peers.noticed.{peer}", count, "of 10")

    def check_healthy(self, servers):
        """None of them may find fault with what is well, or what it notices says nothing."""
        for url in (servers.modern, servers.tls):
            for says in (lambda: self.quorate_says(url, servers.ca_file), lambda: self.blackbox_says(url),
                         lambda: self.client_says(url, servers.ca_file)):
                saw, text = says()
                if saw:
                    raise CannotMeasure(f"{url} is well, and yet: {text}")

    def quorate_says(self, url, ca_file):
        done = subprocess.run(
            [self.build / "bin/quorate", "probe", url, "--format", "json", "--timeout", f"{TIMEOUT_S}s", "--allow-private",
             "--ca-file", ca_file, "--expect-tool", "search_documents", "--latency-slo", "500ms"],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
        found = json.loads(done.stdout)
        verdict = found["verdict"] + (f"({found['reason']})" if found["reason"] else "")
        return found["verdict"] != "UP", verdict + (f" at {found['phase']}" if found["phase"] else "")

    def blackbox_says(self, url):
        scheme = url.split(":")[0]
        text = self.blackbox.page(scheme, url)
        figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        status, took = int(float(figures["probe_http_status_code"])), float(figures["probe_duration_seconds"])
        return figures["probe_success"] != "1", f"probe_success {figures['probe_success']}, status {status}, {took:.1f} s"

    def client_says(self, url, ca_file):
        found = self.ask("env", f"NODE_EXTRA_CA_CERTS={ca_file}", "node", CLIENT, LAB, "look", url, TIMEOUT_S * 1000)
        return not found["ok"], found["said"]


class SickServers:
    """A lab server, which breaks on request, a port where nothing listens, and one that stops amid its answer."""

    def __init__(self, facts, stalled_port):
        self.modern, self.tls, self.ca_file, self._control = facts["modern"], facts["tls"], facts["ca_file"], facts["control"]
        self._stalled_port = stalled_port

    def set(self, state):
        put = urllib.request.Request(f"{self._control}/state", method="PUT", data=json.dumps({"state": state}).encode())
        urllib.request.urlopen(put, timeout=10).close()

    def cases(self):
        for name, state, url in (
                ("connection refused", "down", self.modern), ("accepts, says nothing", "hang", self.modern),
                ("tools/list hangs", "hang-list", self.modern), ("tools/list takes 1.5 s", "slow=1500ms", self.modern),
                ("wants credentials", "auth", self.modern), ("500", "error", self.modern), ("a web page", "html", self.modern),
                ("a tool is gone", "tool-missing", self.modern), ("certificate has expired", "tls-expired", self.tls)):
            yield name, url, lambda state=state: self.set(state), lambda: self.set("up")
        yield "stops amid the answer", f"http://127.0.0.1:{self._stalled_port}/mcp", lambda: None, lambda: None


@contextlib.contextmanager
def sick_servers(directory):
    with running(["node", str(LAB / "lab.mjs"), "--dir", str(directory), "--end-with-stdin"]) as (_, line), \
            socket.create_server(("127.0.0.1", 0)) as stalled:
        threading.Thread(target=stall, args=(stalled,), daemon=True).start()
        yield SickServers(json.loads(line), stalled.getsockname()[1])


def stall(server):
    """Answers the head and half a body."""
    held = []
    with contextlib.suppress(OSError):
        while True:
            connection, _ = server.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 400\r\n\r\n"
                               b'{"jsonrpc":"2.0","id":1,"resu')
            held.append(connection)


def measure(build, only=""):
    """Yields the rows; with `only`, those of the sections below that name. `build` is the release build's folder."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("two cores are needed: one for who probes, one for what is probed")
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quorate-bench-")))
        with running(["node", str(LAB / "lab.mjs"), "--dir", str(directory), "--end-with-stdin"]) as (_, line):
            ca_file = json.loads(line)["ca_file"]  # it has made the certificates
        peers = Peers(pathlib.Path(build), directory, ca_file, cores)
        stack.callback(peers.blackbox.stop)
        for name, rows in (("cpu", peers.cpu_rows), ("memory", peers.memory_rows), ("noticed", peers.notice_rows)):
            if not only or f"peers.{name}.".startswith(f"{only}."):
                yield from rows()
