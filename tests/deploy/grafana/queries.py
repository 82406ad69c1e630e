"""What Grafana would send to Postgres: the queries of a dashboard with its macros and variables in their places."""
import json
import pathlib
import re
from typing import NamedTuple

REPO = pathlib.Path(__file__).resolve().parents[3]
FOLDER = REPO / "deploy/grafana/dashboards"
# Grafana rounds an interval to one of these milliseconds.
_INTERVALS = [1, 5, 10, 15, 20, 30, 50, 100, 150, 200, 300, 400, 500, 1000, 2000, 5000, 10_000, 15_000, 20_000, 30_000, 60_000, 120_000, 300_000,
              600_000, 900_000, 1_200_000, 1_800_000, 3_600_000, 7_200_000, 10_800_000, 21_600_000, 43_200_000, 86_400_000, 604_800_000]
_UNITS = {"s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class Query(NamedTuple):
    dashboard: str
    where: str  # title of the panel, with the query's letter
    kind: str  # of the panel
    target: dict
    panel: dict


def dashboards():
    return {path.name: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


def postgres_queries(name, dashboard):
    """Of panels, then of annotations."""
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            if target["datasource"]["type"] == "postgres":
                yield Query(name, f"{panel['title']} ({target['refId']})", panel["type"], target, panel)
    for annotation in dashboard["annotations"]["list"]:
        yield Query(name, f"annotation {annotation['name']}", "annotation", annotation["target"], {})


def milliseconds(text):
    count, unit = re.fullmatch(r"(\d+)(ms|[smhd])", text).groups()
    return int(count) * (1 if unit == "ms" else _UNITS[unit])


def interval_ms(panel, span_ms):
    """As Grafana chooses it: the span in as many points as the panel shows, not less than the panel's least."""
    wanted = span_ms / panel.get("maxDataPoints", 1000)
    return max(next((step for step in _INTERVALS if step >= wanted), _INTERVALS[-1]), milliseconds(panel.get("interval", "1s")))


def _text_of(interval):
    for unit, length in reversed(_UNITS.items()):
        if interval % length == 0:
            return f"{interval // length}{unit}"
    return f"{interval}ms"


def expanded(text, since, until, interval, variables):
    """@param since, until: RFC 3339 in UTC; variables: {name: list of values}."""
    def group(match):
        column, length = match.groups()
        return f"floor(extract(epoch from {column})/{milliseconds(length.strip(chr(39))) // 1000})*{milliseconds(length.strip(chr(39))) // 1000}"

    def value_of(match):
        name, form = match.group(1) or match.group(3), match.group(2)
        if name not in variables:
            raise AssertionError(f"the dashboard has no variable {name}")
        values = variables[name]
        if form == "sqlstring":
            return ",".join("'" + value.replace("'", "''") + "'" for value in values)
        if len(values) != 1:
            raise AssertionError(f"{name} has several values and is not written as ${{{name}:sqlstring}}")
        return values[0]

    text = text.replace("$__interval_ms", str(interval)).replace("$__interval", _text_of(interval))
    text = re.sub(r"\$__timeGroup\(([^,()]+),\s*('[^']+')\)", group, text)
    text = re.sub(r"\$__timeFilter\(([^()]+)\)", rf"\1 BETWEEN '{since}' AND '{until}'", text)
    text = text.replace("$__timeFrom()", f"'{since}'").replace("$__timeTo()", f"'{until}'")
    left = re.search(r"\$__\w+", text)
    if left:
        raise AssertionError(f"{left.group()} is none of Grafana's macros for Postgres that are known here")
    return re.sub(r"\$\{(\w+)(?::(\w+))?\}|\$(\w+)", value_of, text)
