"""Documents in step with the code: verbs, links, log events, a README in every folder that wants one (docs/adr/0053)."""
import re
from pathlib import PurePosixPath

from source import CODE_ROOTS, Violation

LOG_EVENTS = "docs/log-events.md"
_SOURCE_ENDINGS = (".cpp", ".hpp", ".proto", ".sql", ".lua", ".sh", ".mjs", ".py", ".txt", ".yaml", ".yml", ".cmake")
README_LINES_MIN = 10


def check(tree):
    yield from check_readmes(tree)
    yield from check_links(tree)
    yield from check_named_pages(tree)
    yield from check_verbs(tree)
    yield from check_log_events(tree)
    yield from check_operations(tree)
    yield from check_command_line(tree)
    yield from check_named_tests(tree)
    yield from check_endpoint_file(tree)


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
        elif parts[0] == "deploy":  # below are folders of other programs' making
            parts = parts[:2]
        elif parts[:2] == ("proto", "google"):  # as it came
            parts = parts[:1]
        folders.add("/".join(parts))
    for folder in sorted(folders):
        readme = f"{folder}/README.md"
        if not tree.exists(readme):
            yield Violation(readme, 1, "readme", "missing: what belongs here, what does not, who calls whom, where its tests are")
        elif len(tree.read(readme).strip().splitlines()) < README_LINES_MIN:
            yield Violation(readme, 1, "readme", "too short to say what belongs here, who calls whom and where its tests are")


def check_named_tests(tree):
    """The tests that the page of failure modes names exist."""
    page = "docs/failure-modes.md"
    if not tree.exists(page):
        return
    text = tree.read(page)
    tests = set()
    for path in tree.paths:
        if path.startswith("tests/") and path.endswith(".cpp"):
            tests |= {".".join(found) for found in re.findall(r"\bTEST(?:_F|_P)?\((\w+),\s*(\w+)\)", tree.read(path))}
    for match in re.finditer(r"`([A-Z]\w+\.[A-Z]\w+)`", text):
        if match.group(1) not in tests:
            yield Violation(page, text.count("\n", 0, match.start()) + 1, "tests", f"there is no test {match.group(1)}")


def check_links(tree):
    for path in markdown(tree):
        text = tree.read(path)
        for match in re.finditer(r"\]\(([^)\s]+)\)", text):
            link = match.group(1).split("#")[0]
            if not link or re.match(r"[a-z]+:", link):
                continue
            if not (tree.root / path).parent.joinpath(link).exists():
                yield Violation(path, text.count("\n", 0, match.start()) + 1, "link", f"{link} does not exist")


_PLANTS = "tests/architecture/test_check.py"  # names pages of trees that it makes


def check_named_pages(tree):
    """A page that a comment, a message or a script sends people to exists."""
    for path in tree.paths:
        if path == _PLANTS or not (path.endswith((*_SOURCE_ENDINGS, ".md")) or "." not in PurePosixPath(path).name):
            continue
        try:
            text = tree.read(path)
        except UnicodeDecodeError:  # such as the fuzzers' corpora
            continue
        for match in re.finditer(r"(?<![\w./-])docs/[\w./-]+\.md\b", text):
            if not tree.exists(match.group()):
                yield Violation(path, text.count("\n", 0, match.start()) + 1, "link", f"{match.group()} does not exist")


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


OPERATIONS = "docs/operations/"
_METRIC = r"quorate_(?:coordinator|agent|archiver|heartbeat)_[a-z0-9_]+"


def check_operations(tree):
    """The runbooks name every reason, readiness reason and metric, and nothing that is not there."""
    pages = {path: tree.read(path) for path in markdown(tree) if path.startswith(OPERATIONS)}
    if not pages:
        return
    text = "\n".join(pages.values())
    named = set(re.findall(r"`([^`\n]+)`", text))
    metrics = metric_names(tree)
    for kind, names in (("reason", reason_names(tree)), ("readiness reason", readiness_reasons(tree)), ("metric", metrics)):
        if not names:
            yield Violation(OPERATIONS, 1, "operations", f"no {kind} was found in the code: the check is broken")
        for name in sorted(names - named):
            yield Violation(OPERATIONS, 1, "operations", f"no page says what to do about the {kind} {name}")
    events, keys = set(logged_events(tree)), set(re.findall(r"^\| `([a-z_.]+)` \|", tree.read("docs/configuration.md"), re.M))
    for path, page in sorted(pages.items()):
        for match in re.finditer(_METRIC, page):
            if re.sub(r"_(bucket|sum|count)$", "", match.group()) not in metrics:
                yield _missing(path, page, match, f"there is no metric {match.group()}")
        for match in re.finditer(r"`([a-z_]+\.[a-z_]+)`", page):
            name = match.group(1)
            known = name in events | keys or name.startswith("dash.") or any(key.startswith(name + ".") for key in keys)
            if not known and not tree.exists(OPERATIONS + name):
                yield _missing(path, page, match, f"{name} is no log event and no config key")


def check_command_line(tree):
    """What the documents tell people to type exists; decisions may speak of what is yet to come."""
    verbs, options = cli_verbs(tree), cli_options(tree)
    for path in markdown(tree):
        if path != "README.md" and not re.match(r"docs/(?!adr/)", path):
            continue
        page = tree.read(path)
        for match in re.finditer(r"(?<![-/.=\w])quorate ([a-z][a-z-]*)((?: [^`\n#&|]*)?)", page):
            verb, rest = match.groups()
            if not _is_code(page, match.start()):
                continue
            if verb not in verbs:
                yield _missing(path, page, match, f"quorate {verb} does not exist")
                continue
            below = re.match(r" ([a-z][a-z-]*)", rest)
            if verbs[verb] and below and below.group(1) not in verbs[verb]:
                yield _missing(path, page, match, f"quorate {verb} {below.group(1)} does not exist")
            for option in re.findall(r"(?<!\S)(--[a-z-]+)", rest):
                if option not in options:
                    yield _missing(path, page, match, f"quorate has no option {option}")


ENDPOINT_FILE = "docs/endpoint-file.md"
_ENDPOINT_KEYS = {"platform/wire/endpoint_file.cpp": r'\bKey<(\w+)>\{"(\w+)"',
                  "platform/wire/endpoint_check.hpp": r'\bEnumName<(AssertionOp)>\{AssertionOp::\w+, "(\w+)"\}'}


def check_endpoint_file(tree):
    """The page on the endpoint file names every key that its reader knows, and each row of its table is one."""
    if not tree.exists(ENDPOINT_FILE):
        return
    page = tree.read(ENDPOINT_FILE)
    rows = set(re.findall(r"^\| `([a-z0-9_.]+)` \|", page, re.M))
    known = {key for path, pattern in _ENDPOINT_KEYS.items() for _, key in re.findall(pattern, tree.source(path).uncommented)}
    if not known:
        yield Violation(ENDPOINT_FILE, 1, "endpoint-file", "no key was found in the code: the check is broken")
    for key in sorted(known):
        if not re.search(rf"`(?:[a-z]+\.)?{key}[.`]", page):
            yield Violation(ENDPOINT_FILE, 1, "endpoint-file", f"it does not name the key {key}")
    for row in sorted(rows):
        if any(part not in known for part in row.split(".")):
            yield Violation(ENDPOINT_FILE, 1, "endpoint-file", f"there is no key {row}")


def _missing(path, page, match, message):
    return Violation(path, page.count("\n", 0, match.start()) + 1, "operations", message)


def _is_code(page, position):
    """Within a fenced block, or behind an odd number of backticks on its line."""
    before = page[:position]
    return before.count("```") % 2 == 1 or before[before.rfind("\n") + 1:].count("`") % 2 == 1


def reason_names(tree):
    return set(re.findall(r'EnumName<Reason>\{Reason::\w+, "(\w+)"\}', tree.read("core/model/reason.hpp")))


def readiness_reasons(tree):
    """What is given to Readiness::set: texts, or constants of any file."""
    sources = [source.uncommented for source in tree.cpp(*CODE_ROOTS)]
    code = "\n".join(sources)
    constants = dict(re.findall(r'\b(k\w+) = "(\w+)"', code))
    given = re.findall(r"\breadiness_?(?:\.|->)set\((k\w+)\)", code)
    return {constants[name] for name in given} | set(re.findall(r'\bNote\{"(\w+)",', tree.read("platform/telemetry/conditions.hpp")))


def metric_names(tree):
    names = set()
    for source in tree.cpp(*CODE_ROOTS):
        names |= set(re.findall(rf'"({_METRIC})"', source.uncommented))
    return names


def cli_verbs(tree):
    """{verb: its sub-verbs}: of a file with several verbs each has the sub-verbs of the file."""
    verbs, named = {}, {}
    for source in tree.cpp("cli/verbs"):
        top, below = set(), set()
        for match in re.finditer(r'(\w+)(?:\.|->)add_subcommand\(\s*(?:\w+ \? )?"([a-z-]+)"(?:\s*:\s*"([a-z-]+)")?', source.uncommented):
            names = {name for name in match.groups()[1:] if name}
            (top if match.group(1) == "app" else below).update(names)
            named.setdefault(match.group(1), set()).update(names)
        for verb in top:
            verbs[verb] = below
    for verb in verbs:  # its sub-verbs of another file, where the variable has its name
        verbs[verb] = verbs[verb] | named.get(verb, set())
    verbs["completion"] = {"bash", "zsh", "fish"}
    return verbs


def cli_options(tree):
    code = "\n".join(source.uncommented for source in tree.cpp("cli"))
    return set(re.findall(r'(--[a-z][a-z-]*)', code)) | {"--help"}
