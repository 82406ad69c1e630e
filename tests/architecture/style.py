"""Rules of style that a machine can tell: coroutines, switches, results, sizes."""
import re

from source import Violation

LINES_MAX = 500
_CLOSED_BY = {")": "(", "]": "[", "}": "{"}
_OPENED_BY = {"(": ")", "[": "]", "{": "}"}


def check(tree):
    for source in tree.cpp():
        yield from check_co_await(source)
        yield from check_try_return(source)
        yield from check_switch(source)
        yield from check_value(source)
    for path in tree.paths:
        if path.endswith((".cpp", ".hpp", ".sql", ".py", ".mjs", ".sh", ".proto", ".lua")):
            lines = tree.source(path).text.count("\n")
            if lines > LINES_MAX:
                yield Violation(path, lines, "size", f"{lines} lines, at most {LINES_MAX}: split it")


# ---- GCC 12 destroys a braced value or a capture twice when its expression holds a co_await

def check_co_await(source):
    # Harmless forms stay allowed: values without a destructor, such as `seconds{5}` or
    # `EndpointId{id}`, and a variable that is constructed
    # from the executor, `steady_timer timer{co_await this_coro::executor, …}`.
    code = re.sub(r"\b(\w*(seconds|minutes|hours)|\w*Id)\{[\w'.]*\}", lambda m: "d" * len(m.group()), source.code)
    for match in re.finditer(r"\bco_await\b", code):
        if _constructs_from_executor(code, match.start()):
            continue
        why = _before(code, match.start()) or _after(code, match.end())
        if why:
            yield Violation(source.path, source.line_of(match.start()), "co_await",
                            f"{why} in an expression with co_await: name it first")


def _constructs_from_executor(code, position):
    return (re.match(r"co_await\s+(\w+::)*this_coro::executor\s*[,}]", code[position:]) is not None and
            re.search(r"[;{}]\s*[\w:]+(<[\w:, ]*>)?\s+\w+\{[\w\s,.]*$", code[:position]) is not None)


def _after(code, position):
    """What is wrong between a co_await and the end of its full expression; None if nothing."""
    depth = 0
    while position < len(code):
        char = code[position]
        if char == "{":
            # `if (co_await f()) {` and the like end before their brace, at the parenthesis below.
            return "a brace"
        if char == "[" and _is_lambda(code, position):
            return "a lambda"
        if char in "([":
            depth += 1
        elif char in ")]":
            depth -= 1
            if depth < 0:
                # Out of a pair that was opened before: a call's, so go on; or a statement's head.
                if _opens_statement(code, _matching_back(code, position)):
                    return None
                depth = 0
        elif char == ";" or char == "}":
            return None
        position += 1
    return None


def _before(code, position):
    """As `_after`, from the start of the full expression to the co_await."""
    position -= 1
    while position >= 0:
        char = code[position]
        if char == ";":
            return None
        if char == "{":
            return "a brace" if _is_initializer(code, position) else None
        if char == "}":
            following = code[position + 1:].lstrip()[:1]
            return "a brace" if following in ",).?:+-*/%<>=|&" else None
        if char == ")":
            position = _matching_back(code, position)
            if _opens_statement(code, position):
                return None
            inside = code[position:_matching(code, position)]
            if _has_brace_or_lambda(inside):
                return "a brace or lambda"
        elif char == "]":
            position = _matching_back(code, position)
            if _is_lambda(code, position):
                return "a lambda"
        elif char == "(" and _opens_statement(code, position):
            return None
        position -= 1
    return None


def _has_brace_or_lambda(text):
    return "{" in text or any(_is_lambda(text, m.start()) for m in re.finditer(r"\[", text))


def _opens_statement(code, position):
    """True for the parenthesis of if, while, for, switch, catch."""
    return re.search(r"\b(if|while|for|switch|catch|if\s+constexpr)\s*$", code[:max(position, 0)][-40:]) is not None


def _is_lambda(code, position):
    """True for a `[` that starts a lambda: not a subscript, an attribute or a structured binding."""
    if code[position + 1:position + 2] == "[" or code[:position].endswith("["):
        return False
    before = code[:position].rstrip()
    if re.search(r"\b(return|co_return|co_yield|co_await)$", before):
        return True
    if re.search(r"\bauto\s*&{0,2}$", before):
        return False
    return not re.search(r"[\w)\]>]$", before)


def _is_initializer(code, position):
    """True for a `{` that starts a braced value rather than a block."""
    before = code[:position].rstrip()
    if not before or before[-1] in ";{}):":
        return False
    if re.search(r"\b(else|do|try|const|noexcept|mutable|override|final)$", before):
        return False
    if re.search(r"->\s*[\w:<>,\s*&]+$", before[-120:]):
        return False
    return True


def _matching(code, position):
    """The offset of the bracket that closes the one at `position`."""
    depth = 0
    for index in range(position, len(code)):
        if code[index] in _OPENED_BY:
            depth += 1
        elif code[index] in _CLOSED_BY:
            depth -= 1
            if depth == 0:
                return index
    return len(code) - 1


def _matching_back(code, position):
    depth = 0
    for index in range(position, -1, -1):
        if code[index] in _CLOSED_BY:
            depth += 1
        elif code[index] in _OPENED_BY:
            depth -= 1
            if depth == 0:
                return index
    return 0


# ---- try { return awaitable; } never reaches its handler: the coroutine starts later

def check_try_return(source):
    for match in re.finditer(r"\btry\s*\{", source.code):
        body = source.code[match.end():_matching(source.code, match.end() - 1)]
        if not re.search(r"\breturn\s+[^;]*\(", body):
            continue
        head = source.code[:match.start()]
        function = head[max(head.rfind("\n}"), head.rfind("\nnamespace"), 0):]
        if re.search(r"\bTask<[^;{}]*\{", function) and "co_" not in function + body:
            yield Violation(source.path, source.line_of(match.start()), "try-return",
                            "the coroutine starts after the try: co_await it inside")


# ---- a switch over an enumeration lists every enumerator, so that the compiler finds a new one

def check_switch(source):
    for match in re.finditer(r"\bswitch\s*\(", source.code):
        start = source.code.find("{", _matching(source.code, match.end() - 1))
        body = source.code[start:_matching(source.code, start)]
        inner = re.search(r"\bswitch\s*\(", body)
        own = body[:inner.start()] if inner else body
        default = re.search(r"\bdefault\s*:", own)
        if default and re.search(r"\bcase\s+\w+(::\w+)+\s*:", own):
            yield Violation(source.path, source.line_of(start + default.start()), "switch",
                            "no default in a switch over an enumeration: list every enumerator")


# ---- a Result is tested and then dereferenced

def check_value(source):
    results = set(re.findall(r"\bResult<[^;=(){}]*>\s*[&]{0,2}\s*(\w+)", source.code))
    names = "|".join(sorted(results)) if results else r"(?!)"
    pattern = rf"\bco_await\b[^;]*\)\s*\.value\(\)|\b(?:{names})(?:\s*\))?\.value\(\)"
    for match in re.finditer(pattern, source.code):
        yield Violation(source.path, source.line_of(match.end()), "value",
                        "test a Result, then use `*`: value() throws what should be a value")
