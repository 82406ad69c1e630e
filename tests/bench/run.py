#!/usr/bin/env python3
"""Runs benchmarks and shows their rows; `./dev bench` calls it once everything is built and installed."""
import argparse
import importlib
import json
import pathlib
import subprocess
import sys

import rows as figures

HERE = pathlib.Path(__file__).resolve().parent


def measure(name, options, rows):
    """Appends the rows of one benchmark as they come; False where it could not measure."""
    try:
        for row in importlib.import_module(f"{name}.bench").measure(options.build, options.only):
            print(row, flush=True)
            rows.append(row)
        return True
    except (figures.CannotMeasure, OSError, RuntimeError, subprocess.SubprocessError) as error:
        print(f"bench: {name} could not measure: {error}", file=sys.stderr)
        return False


def check(options, rows):
    """False where a ratio is worse than the baseline allows."""
    baseline = json.loads((HERE / "baseline.json").read_text(encoding="utf-8"))
    wanted = {name: value for name, value in baseline.items() if name.split(".")[0] in options.names and
              name.startswith(options.only)}
    lines = list(figures.regressions(rows, wanted))
    for line in lines:
        print(f"bench: {line}", file=sys.stderr)
    return not lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+")
    parser.add_argument("--build", required=True, help="folder of the release build")
    parser.add_argument("--json", help="file to write the rows to")
    parser.add_argument("--only", default="", metavar="PREFIX", help="leave out the sections that do not begin so")
    parser.add_argument("--check", action="store_true", help="compare the ratios with baseline.json")
    options = parser.parse_args()
    rows = []
    measured = [measure(name, options, rows) for name in options.names]
    if options.json:
        figures.write_json(options.json, rows)
    return 0 if all(measured) and not (options.check and not check(options, rows)) else 1


if __name__ == "__main__":
    sys.exit(main())
