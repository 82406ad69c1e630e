#!/usr/bin/env python3
"""Writes dashboards/*.json: `python3 deploy/grafana/source/build.py`; with --check says whether they are what would be written."""
import json
import pathlib
import sys

import endpoint
import fleet
import incidents
import service
import uptime

FOLDER = pathlib.Path(__file__).parents[1] / "dashboards"


def texts():
    """{file name: what it holds}"""
    return {f"{module.__name__}.json": json.dumps(module.make(), indent=1) + "\n" for module in (fleet, endpoint, incidents, uptime, service)}


def main(arguments):
    stale = [name for name, text in texts().items() if not (FOLDER / name).exists() or (FOLDER / name).read_text() != text]
    if arguments == ["--check"]:
        for name in stale:
            print(f"dashboards/{name} is not what deploy/grafana/source makes: run build.py")
        return 1 if stale else 0
    if arguments:
        print("usage: build.py [--check]", file=sys.stderr)
        return 2
    for name in stale:
        (FOLDER / name).write_text(texts()[name])
        print(f"dashboards/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
