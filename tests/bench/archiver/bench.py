"""`./dev bench archiver`: what it costs to seal, to keep and to read minutes."""
import json
import pathlib
import statistics
import subprocess

from rows import CannotMeasure, Row

INGEST_GOAL = 0.7  # of the bare path
BYTES_GOAL = 45
CLASSIFY_GOAL_US = 1  # a million endpoint-minutes a second
VIEWS = {"endpoint_status": 500, "uptime_30d": 500, "uptime_daily_one": None, "minutes_one": None}


def measure(build, only=""):
    """One run of the program; `only` leaves out rows, not work."""
    command = [str(pathlib.Path(build) / "bench" / "bench_archiver")]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=470, check=False)
    if done.returncode != 0:
        raise CannotMeasure(f"{' '.join(command)}: {done.stderr.strip()}")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for row in _rows(found):
        if not only or f"{row.name}.".startswith(f"{only}."):
            yield row


def _rows(found):
    rounds = [line["ingest"] for line in found if "ingest" in line]
    name = "archiver.ingest"
    yield Row(f"{name}.rate", statistics.median(run["per_s"] for run in rounds), "1/s")
    yield Row(f"{name}.bare.rate", statistics.median(run["bare_per_s"] for run in rounds), "1/s")
    yield Row(f"{name}.ratio", statistics.median(run["bare_per_s"] / run["per_s"] for run in rounds), "ratio", most=1 / INGEST_GOAL)
    for line in found:
        if "bytes_per_cell" in line:
            yield Row("archiver.bytes.hot", line["bytes_per_cell"], "B", most=BYTES_GOAL)
        if "classify_per_s" in line:
            yield Row("archiver.classify.cpu", 1e6 / line["classify_per_s"], "us", most=CLASSIFY_GOAL_US)
        if "view" in line:
            yield Row(f"archiver.view.{line['view']}", line["ms"], "ms", most=VIEWS[line["view"]])
