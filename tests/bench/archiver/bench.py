"""`./dev bench archiver`: what it costs to seal, to keep and to read minutes."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from rows import CannotMeasure, Row

INGEST_GOAL = 0.7  # of the bare path
BYTES_GOAL = 45
PACKED_BYTES_GOAL = 20
CLASSIFY_GOAL_US = 1  # a million endpoint-minutes a second
CATCH_UP_GOAL_S = 60  # an hour of 2,500 endpoints
VIEWS = {"endpoint_status": 500, "uptime_30d": 500, "uptime_daily_one": None, "minutes_one": None,
         "packed_minutes_one": 100, "packed_dashboard_one": None, "packed_day_one": None, "packed_region_day_one": None}
# 30 days of packed minutes: of so many endpoints while nobody asked for all of them (`--full`), which are kept.
SOME_ENDPOINTS = 250
ALL_ENDPOINTS = 2500
ALL_GIB = 12  # free before they are made


def kept_history():
    """The folder of the kept history; a user of the system's own, as root's Postgres runs as another."""
    return pathlib.Path(tempfile.gettempdir()) / f"quorate-bench-history-{os.getuid()}"


def measure(build, only="", full=False):
    """One run of the program; `only` leaves out rows, not work."""
    kept = kept_history()
    made = kept / "made"
    if full and not made.exists():
        shutil.rmtree(kept, ignore_errors=True)
        free = shutil.disk_usage(tempfile.gettempdir()).free / 2**30
        if free < ALL_GIB:
            raise CannotMeasure(f"{free:.0f} GiB are free for {ALL_ENDPOINTS} endpoints, {ALL_GIB} are needed")
    if full or made.exists():
        yield from _measure(build, only, kept, ALL_ENDPOINTS, 3600 if full else 470)
        made.touch()
        return
    with tempfile.TemporaryDirectory(prefix="qbench-") as folder:
        os.chmod(folder, 0o755)
        yield from _measure(build, only, pathlib.Path(folder) / "history", SOME_ENDPOINTS, 470)


def _measure(build, only, folder, endpoints, timeout):
    found = []
    if not f"{only}.".startswith("archiver.catch_up."):
        found += _run(build, ["bench_archiver", "--history", str(folder), "--history-endpoints", str(endpoints)], timeout)
    if "archiver.catch_up.".startswith(f"{only}." if only else "") or f"{only}.".startswith("archiver.catch_up."):
        found += _run(build, ["bench_archiver_catch_up"], 300)
    if not only:
        yield Row("archiver.history.endpoints", endpoints, "1")  # all of them with --full
    for row in _rows(found):
        if not only or f"{row.name}.".startswith(f"{only}."):
            yield row


def _run(build, words, timeout):
    command = [str(pathlib.Path(build) / "bench" / words[0]), *words[1:]]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def _rows(found):
    rounds = [line["ingest"] for line in found if "ingest" in line]
    if rounds:
        yield from _ingest(rounds)
    for line in found:
        if "catch_up" in line:
            yield Row("archiver.catch_up.time", line["catch_up"]["s"], "s", most=CATCH_UP_GOAL_S)
            yield Row("archiver.catch_up.cpu", 1e6 * line["catch_up"]["cpu_s"] / line["catch_up"]["minutes"], "us")
        if "bytes_per_cell" in line:
            yield Row("archiver.bytes.hot", line["bytes_per_cell"], "B", most=BYTES_GOAL)
        if "packed" in line:
            yield Row("archiver.bytes.packed", line["packed"]["bytes"] / line["packed"]["cells"], "B", most=PACKED_BYTES_GOAL)
        if "pack_per_s" in line:
            yield Row("archiver.pack.rate", line["pack_per_s"], "1/s")
        if "classify_per_s" in line:
            yield Row("archiver.classify.cpu", 1e6 / line["classify_per_s"], "us", most=CLASSIFY_GOAL_US)
        if "view" in line:
            yield Row(f"archiver.view.{line['view']}", line["ms"], "ms", most=VIEWS[line["view"]])


def _ingest(rounds):
    name = "archiver.ingest"
    yield Row(f"{name}.rate", statistics.median(run["per_s"] for run in rounds), "1/s")
    yield Row(f"{name}.bare.rate", statistics.median(run["bare_per_s"] for run in rounds), "1/s")
    # In elapsed time, too, though other work on the machine falsifies that.
    yield Row(f"{name}.rate.ratio", statistics.median(run["bare_per_s"] / run["per_s"] for run in rounds), "ratio", most=1 / INGEST_GOAL)
    yield Row(f"{name}.cpu", statistics.median(run["cpu_us"] for run in rounds), "us")
    yield Row(f"{name}.bare.cpu", statistics.median(run["bare_cpu_us"] for run in rounds), "us")
    yield Row(f"{name}.ratio", statistics.median(run["cpu_us"] / run["bare_cpu_us"] for run in rounds), "ratio", most=1 / INGEST_GOAL)
