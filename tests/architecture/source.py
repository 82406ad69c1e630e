"""Reads the tree for the checks: which files there are, and C++ text without comments and literals."""
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CODE_ROOTS = ("core", "platform", "probe", "coordinator", "region-agent", "archiver", "cli")
SKIPPED = {"build", ".git", ".run", "node_modules", "__pycache__"}

# Comments, raw strings, strings, characters; a digit separator (1'000) is not the start of a character.
_TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<![0-9a-fA-F])\'(?:\\.|[^\'\\\n])*\'', re.S)


@dataclass(frozen=True)
class Violation:
    path: str
    line: int
    rule: str
    message: str

    def __str__(self):
        return f"{self.path}:{self.line}: {self.rule}: {self.message}"


def _blank(text):
    return re.sub(r"[^\n]", " ", text)


def _without(text, literals_too):
    """Comments, and on demand the contents of literals, become blanks; every offset stays."""
    def replace(match):
        token = match.group()
        if token.startswith(("//", "/*")):
            return _blank(token)
        if literals_too and len(token) > 1:
            return token[0] + _blank(token[1:-1]) + token[-1]
        return token
    return _TOKEN.sub(replace, text)


class Source:
    """One file. `code` has no comments and no literals, `uncommented` keeps the literals."""

    def __init__(self, root, path):
        self.path = path
        self.folder = str(Path(path).parent)
        self.text = (Path(root) / path).read_text(encoding="utf-8")

    @property
    def is_cpp(self):
        return self.path.endswith((".cpp", ".hpp"))

    @cached_property
    def code(self):
        return _without(self.text, literals_too=True)

    @cached_property
    def uncommented(self):
        return _without(self.text, literals_too=False)

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    @cached_property
    def includes(self):
        """(line, name with its quotes or brackets) of each #include."""
        found = re.finditer(r'^[ \t]*#[ \t]*include[ \t]*(<[^>\n]+>|"[^"\n]+")', self.uncommented, re.M)
        return [(self.line_of(match.start()), match.group(1)) for match in found]


class Tree:
    def __init__(self, root):
        self.root = Path(root)
        self.paths = sorted(self._walk(self.root))
        self._sources = {}

    def _walk(self, folder):
        for entry in folder.iterdir():
            if entry.name in SKIPPED or entry.is_symlink():
                continue
            if entry.is_dir():
                yield from self._walk(entry)
            else:
                yield str(entry.relative_to(self.root))

    def source(self, path):
        if path not in self._sources:
            self._sources[path] = Source(self.root, path)
        return self._sources[path]

    def cpp(self, *roots):
        """The C++ files below the given folders; of the product and of its tests when none is given."""
        wanted = roots or (*CODE_ROOTS, "tests")
        return [self.source(path) for path in self.paths
                if path.endswith((".cpp", ".hpp")) and path.startswith(tuple(f"{root}/" for root in wanted))]

    def exists(self, path):
        return (self.root / path).exists()

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8")


def within(path, place):
    """True when `path` is the file `place` or stands below the folder `place`."""
    return path == place or path.startswith(place.rstrip("/") + "/")
