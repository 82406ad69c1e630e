"""Who may include whom: layers.txt is the rule, and nothing in it may be unused."""
from source import CODE_ROOTS, Violation

LAYERS = "tests/architecture/layers.txt"


def read_layers(text):
    """{folder: [allowed folder or folder/*]}, with the line of each."""
    layers = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        if line:
            folder, _, allowed = line.partition(":")
            layers[folder.strip()] = (number, allowed.split())
    return layers


def owner_of(folder, layers):
    """The rule that holds for a folder: its own, or that of the nearest folder above."""
    while folder and folder not in layers:
        folder = folder.rpartition("/")[0]
    return folder


def matches(allowed, folder):
    if allowed.endswith("/*"):
        return folder.startswith(allowed[:-1])
    return folder == allowed


def check(tree):
    layers = read_layers(tree.read(LAYERS))
    used, edges = set(), {}
    for source in tree.cpp(*CODE_ROOTS):
        owner = owner_of(source.folder, layers)
        if not owner:
            yield Violation(source.path, 1, "layer", f"{source.folder} is not in {LAYERS}")
            continue
        for line, name in source.includes:
            if not name.startswith('"'):
                continue
            included = name.strip('"')
            folder = included.rpartition("/")[0]
            generated = included.removesuffix(".pb.h").removesuffix(".grpc")
            if generated != included and tree.exists(f"proto/{generated}.proto"):
                folder = "proto"
            elif not tree.exists(included):
                yield Violation(source.path, line, "layer", f"{name}: includes are paths from the top of the tree")
                continue
            if folder != source.folder:
                edges.setdefault(source.folder, {})[folder] = f"{source.path}:{line}"
            if owner_of(folder, layers) == owner:
                continue
            rule = next((allowed for allowed in layers[owner][1] if matches(allowed, folder)), None)
            if rule:
                used.add((owner, rule))
            else:
                yield Violation(source.path, line, "layer", f"{owner} may not include {folder}")
    for folder, (line, allowed) in layers.items():
        for rule in allowed:
            if (folder, rule) not in used:
                yield Violation(LAYERS, line, "layer", f"nothing in {folder} includes {rule}: take the allowance out")
    yield from _cycles(edges)


def _cycles(edges):
    """Folders that include each other in a circle. A binary's top folder is its composition root and
    holds its config, so it may stand above and below its own folders."""
    graph = {a: {b for b in bs if b not in CODE_ROOTS} for a, bs in edges.items() if a not in CODE_ROOTS}
    done = set()

    def visit(folder, trail):
        if folder in trail:
            circle = trail[trail.index(folder):] + [folder]
            where = edges[circle[0]][circle[1]]
            path, line = where.rsplit(":", 1)
            return [Violation(path, int(line), "cycle", " -> ".join(circle))]
        if folder in done:
            return []
        found = [v for next_one in sorted(graph.get(folder, ())) for v in visit(next_one, trail + [folder])]
        done.add(folder)
        return found

    for folder in sorted(graph):
        yield from visit(folder, [])
