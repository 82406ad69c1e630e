"""`./dev bench probe`: what a probe costs, against the least that these requests can cost, in one interleaved run."""
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

from probe.target import ADDRESSES, HOST, Recorder, Target
from rows import CannotMeasure, Row

ROUNDS = 5
SECONDS = 2.5


class Clients:
    """The two clients, pinned to `core`, on one target."""

    def __init__(self, binaries, target, core, directory):
        self.binaries, self.target, self.core, self.directory = binaries, target, core, pathlib.Path(directory)
        self.requests = {era: self._record(era) for era in ("modern", "legacy")}

    def run(self, program, *arguments):
        command = ["taskset", "-c", str(self.core), str(self.binaries / program), *map(str, arguments)]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout or "{}")

    def _record(self, era):
        """Files with what the engine sends, one request each, by scheme."""
        recorder = Recorder(self.target.http_port)
        self.run("bench_probe_engine", *self._engine("http", era, network="127.0.2", addresses=1), "once")
        files = {"http": [], "https": []}
        for index, request in enumerate(recorder.finish()):
            for scheme, port in ("http", self.target.http_port), ("https", self.target.https_port):
                path = self.directory / f"{era}-{scheme}-{index}"
                host = f"Host: {HOST}:{self.target.http_port}".encode()
                if host not in request:
                    raise CannotMeasure(f"a request without its Host: {request}")
                path.write_bytes(request.replace(host, f"Host: {HOST}:{port}".encode()))
                files[scheme].append(path)
        wanted = {"modern": 2, "legacy": 3}[era]
        if len(files["http"]) != wanted:
            raise CannotMeasure(f"{era}: the engine sent {len(files['http'])} requests, not {wanted}")
        return files

    def _engine(self, scheme, era, network="127.0.1", addresses=ADDRESSES):
        arguments = ["--url", self.target.url(scheme), "--network", network, "--addresses", addresses]
        if era == "legacy":
            arguments.append("--legacy")
        if scheme == "https":
            arguments += ["--ca-file", self.target.ca_file]
        return arguments

    def engine(self, scheme, era, *load):
        return self._checked(self.run("bench_probe_engine", *self._engine(scheme, era), "load", *load))

    def raw(self, scheme, era, *load):
        port = self.target.https_port if scheme == "https" else self.target.http_port
        arguments = ["--port", port, "--addresses", ADDRESSES, "--host", HOST]
        for path in self.requests[era][scheme]:
            arguments += ["--request", path]
        if scheme == "https":
            arguments += ["--ca-file", self.target.ca_file]
        return self._checked(self.run("bench_probe_raw", *arguments, *load))

    @staticmethod
    def _checked(figures):
        if figures["errors"] or not figures["probes"]:
            raise CannotMeasure(f"a run with errors: {figures}")
        return figures


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def saturated(clients, scheme, era):
    """CPU per probe of raw and engine: A, B, A, B, …"""
    runs = {"raw": [], "engine": []}
    for _ in range(ROUNDS):
        runs["raw"].append(clients.raw(scheme, era, "--seconds", SECONDS))
        runs["engine"].append(clients.engine(scheme, era, "--seconds", SECONDS))
    raw, engine = median(runs["raw"], "cpu_us"), median(runs["engine"], "cpu_us")
    # Each engine run against the raw run just before it: what disturbs the machine disturbs both.
    ratio = statistics.median(e["cpu_us"] / r["cpu_us"] for r, e in zip(runs["raw"], runs["engine"]))
    return raw, engine, ratio


CPU_GOALS = {  # (scheme, era): (raw CPU at most, engine against raw at most)
    ("http", "modern"): (30, 2.0),
    ("http", "legacy"): (None, 2.0),
    ("https", "modern"): (750, 1.15),
    ("https", "legacy"): (None, 1.15),
}


def cpu_rows(clients, scheme, era):
    raw_most, ratio_most = CPU_GOALS[scheme, era]
    raw, engine, ratio = saturated(clients, scheme, era)
    name = f"probe.cpu.{scheme}.{era}"
    yield Row(f"{name}.raw", raw, "us", most=raw_most)
    yield Row(f"{name}.engine", engine, "us")
    yield Row(f"{name}.ratio", ratio, "ratio", most=ratio_most)


def sections(clients):
    """(what the names of its rows begin with, the rows)"""
    for scheme, era in CPU_GOALS:
        yield f"probe.cpu.{scheme}.{era}", cpu_rows(clients, scheme, era)


def measure(build, only=""):
    """Yields the rows; those of sections that begin with `only`. `build` is the release build's folder."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("two cores are needed: one for the client, one for the target")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="quorate-bench-"))
        target = Target(directory, cores[1])
        stack.callback(target.stop)
        clients = Clients(pathlib.Path(build) / "bench", target, cores[0], directory)
        for name, rows in sections(clients):
            if name.startswith(only):
                yield from rows
