"""Dangerous words and the only places where they may stand: fences.txt."""
import re

from source import Violation, within

FENCES = "tests/architecture/fences.txt"


def read_fences(text):
    """[(line, pattern, [place], why)]; a line is `pattern | places | why`, no place means nowhere."""
    fences = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("# "):
            pattern, places, why = (part.strip() for part in line.split(" | "))
            fences.append((number, re.compile(pattern), places.split() if places != "-" else [], why))
    return fences


def check(tree):
    fences = read_fences(tree.read(FENCES))
    for source in tree.cpp():
        for _, pattern, places, why in fences:
            if any(within(source.path, place) for place in places):
                continue
            # An include's name is kept by `uncommented` alone; everything else is looked for in code.
            text = source.uncommented if "include" in pattern.pattern else source.code
            for match in pattern.finditer(text):
                allowed = f"only in {', '.join(places)}" if places else "nowhere"
                yield Violation(source.path, source.line_of(match.start()), "fence",
                                f"`{match.group().strip()}` may stand {allowed}: {why}")
