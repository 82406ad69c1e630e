#!/usr/bin/env python3
"""Runs benchmarks and shows their rows; `./dev bench` calls it once everything is built and installed."""
import argparse
import importlib
import json
import pathlib
import signal
import subprocess
import sys

import rows as figures

HERE = pathlib.Path(__file__).resolve().parent


def measure(name, options, rows):
    """Appends the rows of one benchmark as they come; False where it could not measure."""
    extra = {"full": True} if options.full and name == "archiver" else {}
    try:
        for row in importlib.import_module(f"{name}.bench").measure(options.build, options.only, **extra):
            print(row, flush=True)
            rows.append(row)
        return True
    except (figures.CannotMeasure, OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"bench: {name} could not measure: {error}", file=sys.stderr)
        return False


def check(rows):
    """False where a ratio is worse than its baseline allows."""
    baseline = json.loads((HERE / "baseline.json").read_text(encoding="utf-8"))
    lines = list(figures.regressions(rows, baseline))
    for line in lines:
        print(f"bench: {line}", file=sys.stderr)
    for name in figures.unchecked(rows, baseline):
        print(f"bench: {name} is not in baseline.json", file=sys.stderr)
    return not lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--build", required=True, help="folder of the release build")
    parser.add_argument("--json", help="file to write the rows to")
    parser.add_argument("--only", default="", metavar="SECTION", help="such as probe.cpu.https; leaves out the others")
    parser.add_argument("--full", action="store_true", help="archiver: the whole history, made once and kept; takes long the first time")
    parser.add_argument("--check", action="store_true", help="compare the ratios with baseline.json")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that what was started ends too
    rows = []
    measured = [measure(name, options, rows) for name in options.names]
    if options.json:
        figures.write_json(options.json, rows)
    return 0 if all(measured) and not (options.check and not check(rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
