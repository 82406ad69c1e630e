"""`./dev bench probe`: what a probe costs, against the least that these requests can cost, in one interleaved run."""
import contextlib
import os
import pathlib
import statistics
import tempfile

from probe.blackbox import Blackbox
from probe.clients import Clients
from probe.target import Target
from rows import CannotMeasure, Row

ROUNDS = 5
SECONDS = 2.5
PEER_ROUNDS = 3

CPU_GOALS = {  # (scheme, exchange): (CPU of raw at most, engine against raw at most)
    ("http", "modern"): (30, 2.0),
    ("http", "legacy"): (None, 2.0),
    ("http", "changing"): (None, None),
    ("https", "modern"): (750, 1.15),
    ("https", "legacy"): (None, 1.15),
}
PEER_GOALS = {"http": (1, 1 / 8), "https": (2, 1 / 3)}  # of how many of its POSTs, at most
PACED_GOAL = 1.3
PACED_CORE_SHARE = 0.5
PACED_TRIES = 5  # of finding the rate for it
MEMORY_GOALS = {"http": 12, "https": 60}
LATE_GOAL_MS = 100
IN_FLIGHT = (1000, 9000)
STARTS_PER_S = (200, 1500)  # at least, at most: how fast probes of a hanging endpoint are started
HANG_MARGIN_MS = 4000


def interleaved(rounds, *measurements):
    """The runs of each measurement, taken A, B, A, B, …"""
    runs = [[] for _ in measurements]
    for _ in range(rounds):
        for taken, measurement in zip(runs, measurements):
            taken.append(measurement())
    return runs


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def ratio(above, below, key):
    """Each run against the one beside it: what disturbs the machine disturbs both."""
    return statistics.median(a[key] / b[key] for a, b in zip(above, below))


def cpu_rows(clients, scheme, exchange):
    """Saturated, 64 in flight."""
    raw_most, ratio_most = CPU_GOALS[scheme, exchange]
    raw, engine = interleaved(ROUNDS, lambda: clients.raw(scheme, exchange, "--seconds", SECONDS),
                              lambda: clients.engine(scheme, exchange, "--seconds", SECONDS))
    name = f"probe.cpu.{scheme}.{exchange}"
    yield Row(f"{name}.raw", median(raw, "cpu_us"), "us", most=raw_most)
    yield Row(f"{name}.engine", median(engine, "cpu_us"), "us")
    yield Row(f"{name}.ratio", ratio(engine, raw, "cpu_us"), "ratio", most=ratio_most)


def peer_rows(clients, blackbox, scheme):
    """The engine's whole probe against the POSTs that the exporter needs for the same question."""
    posts, most = PEER_GOALS[scheme]
    peer, engine = interleaved(PEER_ROUNDS, lambda: blackbox.load(scheme, clients.target.port(scheme), SECONDS),
                               lambda: clients.engine(scheme, "modern", "--seconds", SECONDS))
    name = f"probe.blackbox.{scheme}"
    yield Row(f"{name}.post", median(peer, "cpu_us"), "us")
    yield Row(f"{name}.core_share", median(peer, "core_share"), "share")
    yield Row(f"{name}.ratio", ratio(engine, peer, "cpu_us") / posts, "ratio", most=most)


def capacity(clients, scheme):
    """Probes per second of the engine, one core full, as the machine is now."""
    return clients.engine(scheme, "modern", "--seconds", 1)["per_s"]


def paced_rows(clients, scheme):
    """Open loop, at the rate that keeps the engine's core half busy; latency counts from when a probe was due."""
    rate = PACED_CORE_SHARE * capacity(clients, scheme)
    # A paced probe costs more than a saturated one, since the core goes idle between two of them: the more, the slower.
    for _ in range(PACED_TRIES):
        share = clients.engine(scheme, "modern", "--seconds", 1, "--rate", rate)["core_share"]
        if share <= 1.1 * PACED_CORE_SHARE:
            break
        rate *= PACED_CORE_SHARE / share
    load = ("--seconds", SECONDS, "--rate", rate)
    raw, engine = interleaved(ROUNDS, lambda: clients.raw(scheme, "modern", *load),
                              lambda: clients.engine(scheme, "modern", *load))
    name = f"probe.paced.{scheme}"
    yield Row(f"{name}.rate", rate, "1/s")
    yield Row(f"{name}.core_share", median(engine, "core_share"), "share")
    for percentile in "p50", "p99":
        yield Row(f"{name}.{percentile}.raw", median(raw, f"{percentile}_us"), "us")
        yield Row(f"{name}.{percentile}.engine", median(engine, f"{percentile}_us"), "us")
    yield Row(f"{name}.p50.ratio", ratio(engine, raw, "p50_us"), "ratio", most=PACED_GOAL)


def hang_rows(clients, scheme):
    """All are in flight before the first one's time is over."""
    rate = min(max(0.4 * capacity(clients, scheme), STARTS_PER_S[0]), STARTS_PER_S[1])
    for in_flight in IN_FLIGHT:
        timeout_ms = int(in_flight / rate * 1000) + HANG_MARGIN_MS
        figures = clients.hang(scheme, timeout_ms, "--in-flight", in_flight, "--rate", rate)
        name = f"probe.hang.{scheme}.{in_flight}"
        yield Row(f"{name}.memory", figures["kib_per_probe"], "KiB", most=MEMORY_GOALS[scheme])
        yield Row(f"{name}.late_max", figures["late_ms_max"], "ms", most=LATE_GOAL_MS)


def sections(clients, blackbox):
    """(what the names of its rows begin with, its rows)"""
    for scheme, exchange in CPU_GOALS:
        yield f"probe.cpu.{scheme}.{exchange}", cpu_rows(clients, scheme, exchange)
    for scheme in "http", "https":
        yield f"probe.blackbox.{scheme}", peer_rows(clients, blackbox, scheme)
        yield f"probe.paced.{scheme}", paced_rows(clients, scheme)
        yield f"probe.hang.{scheme}", hang_rows(clients, scheme)


def measure(build, only=""):
    """Yields the rows; with `only`, those of the sections below that name. `build` is the release build's folder."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotMeasure("two cores are needed: one for the client, one for the target")
    with contextlib.ExitStack() as stack:
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="quorate-bench-")))
        target = Target(directory, cores[1])
        stack.callback(target.stop)
        clients = Clients(pathlib.Path(build) / "bench", target, directory, *cores[:2])
        question = clients.requests["modern"]["http"][-1].read_bytes()
        blackbox = Blackbox(directory, question, target.ca_file, *cores[:2])
        stack.callback(blackbox.stop)
        for name, rows in sections(clients, blackbox):
            if not only or f"{name}.".startswith(f"{only}."):
                yield from rows
