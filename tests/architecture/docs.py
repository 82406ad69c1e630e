"""Documents in step with the code: verbs, links, log events, a README in every folder."""
import re
from pathlib import PurePosixPath

from source import CODE_ROOTS, Violation

LOG_EVENTS = "docs/log-events.md"
_SOURCE_ENDINGS = (".cpp", ".hpp", ".proto", ".sql", ".lua", ".sh", ".mjs", ".py", ".txt", ".yaml", ".yml", ".cmake")
README_LINES_MIN = 6


def check(tree):
    yield from check_readmes(tree)
    yield from check_links(tree)
    yield from check_verbs(tree)
    yield from check_log_events(tree)


def markdown(tree):
    return [path for path in tree.paths if path.endswith(".md")]


def check_readmes(tree):
    """Every folder says what belongs there; of the suites, which mirror the tree, the top one does."""
    folders = set()
    for path in tree.paths:
        parts = PurePosixPath(path).parts[:-1]
        if not path.endswith(_SOURCE_ENDINGS) or not parts or parts[0].startswith("."):
            continue
        if parts[0] == "tests":
            parts = parts[:3] if parts[1:2] == ("support",) else parts[:2]
        elif parts[0] == "proto":
            parts = parts[:1]
        folders.add("/".join(parts))
    for folder in sorted(folders):
        readme = f"{folder}/README.md"
        if not tree.exists(readme):
            yield Violation(readme, 1, "readme", "missing: what belongs here, what does not, who calls whom, where its tests are")
        elif len(tree.read(readme).strip().splitlines()) < README_LINES_MIN:
            yield Violation(readme, 1, "readme", "too short to say what belongs here, who calls whom and where its tests are")


def check_links(tree):
    for path in markdown(tree):
        text = tree.read(path)
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            link = match.group(1).split("#")[0]
            if not link or re.match(r"[a-z]+:", link):
                continue
            if not (tree.root / path).parent.joinpath(link).exists():
                yield Violation(path, text.count("\n", 0, match.start()) + 1, "link", f"{link} does not exist")


def check_verbs(tree):
    """What the documents tell people to type exists, and the usage text names every verb."""
    script = tree.read("dev")
    dispatch = script[script.index('case "${1:-}" in'):]
    labels = re.findall(r"^    ([a-z|\s-]+)\)", dispatch, re.M)
    verbs = {verb.strip() for label in labels for verb in label.split("|")}
    usage = script[script.index("usage()"):script.index("TEXT\n}")]
    for verb in sorted(verbs - set(re.findall(r"\./dev ([a-z-]+)", usage)) - {"help", "-h", "--help"}):
        yield Violation("dev", 1, "verbs", f"the usage text does not name {verb}")
    for path in markdown(tree):
        text = tree.read(path)
        for match in re.finditer(r"\./dev ([a-z][a-z-]*)", text):
            if match.group(1) not in verbs:
                yield Violation(path, text.count("\n", 0, match.start()) + 1, "verbs",
                                f"./dev {match.group(1)} does not exist")


def logged_events(tree):
    """{event: (first place, its levels, or None where a call does not show them)}, from each call of log_event."""
    events = {}
    for source in tree.cpp(*CODE_ROOTS):
        for match in re.finditer(r"\blog_event\(", source.code):
            (begin, end), (level_begin, level_end) = (_argument(source.code, match.end(), n) for n in (2, 1))
            literals = source.uncommented[begin:end]
            for event, levels in _events_and_levels(literals, source.code[level_begin:level_end], source.code):
                place, known = events.setdefault(event, ((source.path, source.line_of(match.start())), set()))
                events[event] = (place, None if known is None or levels is None else known | levels)
    return events


_TERNARY = re.compile(r"(.+?)\?(.+):([^:]+)", re.S)


def _events_and_levels(literals, level, code):
    """Pairs of one call; `c ? x : y` in both arguments goes together."""
    either, chosen = _TERNARY.fullmatch(literals), _TERNARY.fullmatch(re.sub(r"LogLevel::", "LogLevel.", level))
    if either and chosen and either.group(1).split() == chosen.group(1).split():
        for branch in (2, 3):
            for event in re.findall(r'"([^"\n]*)"', either.group(branch)):
                yield event, set(re.findall(r"LogLevel\.(\w+)", chosen.group(branch)))
        return
    levels = set(re.findall(r"LogLevel::(\w+)", level))
    if re.fullmatch(r"\s*\w+\s*", level):  # a variable: what it is set to in this file
        levels = set(re.findall(rf"\b{level.strip()} = LogLevel::(\w+)", code))
    for event in re.findall(r'"([^"\n]*)"', literals):
        yield event, levels or None


def _argument(code, position, index):
    """Bounds of argument `index`, from 0, of a call whose opening parenthesis stands before `position`."""
    depth, commas, begin = 0, 0, position
    while position < len(code):
        char = code[position]
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        if depth < 0 or (char == "," and depth == 0):
            if depth < 0 or commas == index:
                return begin, position
            commas += 1
            begin = position + 1
        position += 1
    return begin, position


def check_log_events(tree):
    listed = {}
    if tree.exists(LOG_EVENTS):
        for number, line in enumerate(tree.read(LOG_EVENTS).splitlines(), 1):
            row = re.match(r"\| `([a-z_.]+)` \|(.*)\|", line)
            if row:
                listed[row.group(1)] = (number, [cell.strip() for cell in row.group(2).split("|")])
    logged = logged_events(tree)
    for event, ((path, line), _) in sorted(logged.items()):
        if not re.fullmatch(r"[a-z_]+\.[a-z_]+", event):
            yield Violation(path, line, "log-event", f"`{event}` is not of the form noun.past_verb")
        elif event not in listed:
            yield Violation(path, line, "log-event", f"{event} is not in {LOG_EVENTS}")
    for event, (line, cells) in sorted(listed.items()):
        if event not in logged:
            yield Violation(LOG_EVENTS, line, "log-event", f"nothing logs {event}")
        elif len(cells) < 3 or not all(cells):
            yield Violation(LOG_EVENTS, line, "log-event", f"{event}: level, meaning and what to do are wanted")
        elif (levels := logged[event][1]) is not None and set(cells[0].split(", ")) != levels:
            yield Violation(LOG_EVENTS, line, "log-event", f"{event} is logged as {', '.join(sorted(levels))}, not {cells[0]}")
