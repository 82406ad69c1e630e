"""The two clients of `./dev bench probe` as processes, pinned to a core: what they print, as figures."""
import json
import pathlib
import signal
import subprocess

from probe.target import ADDRESSES, HOST, Recorder
from rows import CannotMeasure

EXCHANGES = {  # name: (path, how many requests, what the engine is told)
    "modern": ("/mcp", 2, []),
    "legacy": ("/mcp", 3, ["--legacy"]),
    "changing": ("/changing", 2, []),
}


class Clients:
    """The engine and the reference, on `core`; a target or a hanging server on `other_core`."""

    def __init__(self, binaries, target, directory, core, other_core):
        self.binaries, self.target, self.directory = pathlib.Path(binaries), target, pathlib.Path(directory)
        self.core, self.other_core = core, other_core
        self.requests = {exchange: self._record(exchange) for exchange in EXCHANGES}

    def _run(self, program, *arguments):
        command = ["taskset", "-c", str(self.core), str(self.binaries / program), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout or "{}")

    def _record(self, exchange):
        """What the engine sends, request by request, as {scheme: files}."""
        recorder = Recorder(self.target.http_port)
        self._run("bench_probe_engine", *self._endpoint("http", exchange), "--network", recorder.NETWORK, "--addresses", 1, "once")
        requests = recorder.finish()
        wanted = EXCHANGES[exchange][1]
        if len(requests) != wanted:
            raise CannotMeasure(f"{exchange}: the engine sent {len(requests)} requests, not {wanted}")
        files = {"http": [], "https": []}
        for scheme, index in ((scheme, index) for scheme in files for index in range(len(requests))):
            path = self.directory / f"{exchange}-{scheme}-{index}"
            path.write_bytes(requests[index].replace(self._host("http"), self._host(scheme)))
            files[scheme].append(path)
        return files

    def _host(self, scheme):
        return f"Host: {HOST}:{self.target.port(scheme)}\r\n".encode()

    def _trust(self, scheme):
        return ["--ca-file", self.target.ca_file] if scheme == "https" else []

    def _endpoint(self, scheme, exchange):
        path, _, options = EXCHANGES[exchange]
        return ["--url", self.target.url(scheme, path), *self._trust(scheme), *options]

    def engine(self, scheme, exchange, *load):
        """One run of ProbeEngine; `load` as `bench_probe_engine load --help` says."""
        return _checked(self._run("bench_probe_engine", *self._endpoint(scheme, exchange), "--addresses", ADDRESSES, "load", *load))

    def raw(self, scheme, exchange, *load):
        """One run of the reference with the same requests; takes the same options."""
        files = [argument for path in self.requests[exchange][scheme] for argument in ("--request", path)]
        return _checked(self._run("bench_probe_raw", "--port", self.target.port(scheme), "--addresses", ADDRESSES,
                                  "--host", HOST, *self._trust(scheme), *files, *load))

    def hang(self, scheme, timeout_ms, *hang):
        """ProbeEngine against a server that accepts and never answers."""
        command = ["taskset", "-c", str(self.other_core), str(self.binaries / "bench_hang_server")]
        if scheme == "https":
            command += ["--certificate", str(self.directory / "leaf.pem"), "--key", str(self.directory / "leaf.key")]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
            try:
                port = server.stdout.readline().strip()
                return self._run("bench_probe_engine", "--url", f"{scheme}://{HOST}:{port}/mcp", *self._trust(scheme),
                                 "--timeout-ms", timeout_ms, "hang", *hang)
            finally:
                server.send_signal(signal.SIGTERM)


def _checked(figures):
    if figures["errors"] or not figures["probes"]:
        raise CannotMeasure(f"a run with errors: {figures}")
    return figures
