"""What a benchmark yields, and how it is shown, stored and compared."""
import dataclasses
import json

REGRESSION = 1.25  # of a ratio, against its baseline


class CannotMeasure(Exception):
    """The benchmark did not run as it should; its message says why."""


@dataclasses.dataclass
class Row:
    name: str
    value: float
    unit: str  # "ratio" rows are what --check compares
    most: float | None = None  # the goal: value at most this

    @property
    def goal(self):
        return None if self.most is None else f"<= {self.most:.4g}"

    @property
    def holds(self):
        return self.most is None or self.value <= self.most

    def as_json(self):
        return {"name": self.name, "value": round(self.value, 4), "unit": self.unit, "goal": self.goal, "holds": self.holds}

    def __str__(self):
        mark = "" if self.most is None else ("holds" if self.holds else "DOES NOT HOLD")
        return f"{self.name:<44} {self.value:>10.3f} {self.unit:<6} {self.goal or '':<10} {mark}".rstrip()


def regressions(rows, baseline):
    """Lines on the ratios that are above what the baseline allows, or that are not there any more."""
    found = {row.name: row for row in rows if row.unit == "ratio"}
    for name, before in baseline.items():
        if name not in found:
            yield f"{name}: in the baseline, but not measured"
        elif found[name].value > before * REGRESSION:
            yield f"{name}: {found[name].value:.3f}, more than {REGRESSION} x the baseline's {before:.3f}"
    for name in sorted(found.keys() - baseline.keys()):
        yield f"{name}: measured, but not in the baseline"


def write_json(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([row.as_json() for row in rows], file, indent=1)
        file.write("\n")
