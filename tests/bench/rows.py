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
    """A line for each ratio that is worse than its baseline allows."""
    for row in rows:
        before = baseline.get(row.name)
        if row.unit == "ratio" and before is not None and row.value > before * REGRESSION:
            yield f"{row.name}: {row.value:.3f}, more than {REGRESSION} x the baseline's {before:.3f}"


def unchecked(rows, baseline):
    """The ratios that have no baseline."""
    return [row.name for row in rows if row.unit == "ratio" and row.name not in baseline]


def write_json(path, rows):
    with open(path, "w", encoding="utf-8") as file:
        json.dump([row.as_json() for row in rows], file, indent=1)
        file.write("\n")
