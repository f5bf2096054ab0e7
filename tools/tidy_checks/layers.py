"""layers: a room includes only what the table of rooms allows, and of other rooms only public headers."""
import re

from . import c_text, rooms
from .tree import Finding

NAME = "layers"
DOC = "docs/ARCHITECTURE.md"
LINUX = "os/linux"

# room -> what it may include besides itself; None: whatever the row's words in DOC come to.
TABLE = {
    "base": (),
    "os": ("base",),
    "os/linux": ("base", "os"),
    "actor": ("base", "os"),
    "raft": ("base",),
    "store": ("base", "os"),
    "kv": ("base", "store"),
    "net": ("base", "os"),
    "node": ("base", "os", "actor", "raft", "store", "kv", "net"),
    "api": ("base", "os", "node"),
    "sim": ("base", "os", "actor", "raft", "store", "kv", "net", "node"),
    "cmd": ("base", "os", "os/linux", "actor", "raft", "store", "kv", "net", "node", "api"),
}

# (room, other room) -> the only headers of it that this room may include.
ONLY = {("api", "node"): ("node/service.h",)}

# The pure rooms -> headers from outside of the tree that they may include; what these declare does nothing.
HARMLESS = ("stdbool.h", "stddef.h", "stdint.h", "string.h")
FOREIGN = {"raft": HARMLESS, "kv": HARMLESS}

ROW = re.compile(r"^\|([^|]*)\|([^|]*)\|([^|]*)\|\s*$", re.M)


def room_of(path):
    """Of a path from src/."""
    return LINUX if path.startswith(LINUX + "/") else path.split("/")[0]


def check(tree):
    return list(_includes(tree)) + list(_public(tree)) + list(_doc(tree))


def _includes(tree):
    known = set(tree.files)
    for path in tree.ending(".c", ".h", under="src/"):
        room = room_of(path[4:])
        if room not in TABLE:
            yield Finding(path, 0, f"{room} is not in the table of rooms (tools/tidy_checks/layers.py)")
            continue
        for line, name, own in c_text.includes(tree.text(path)):
            if not own:
                if "src/" + name in known:
                    yield Finding(path, line, f'<{name}> is a header of ours: include it as "{name}"')
                elif name not in FOREIGN.get(room, (name,)):
                    yield Finding(path, line, f"{room} is pure and may not include <{name}>: only "
                                  f"{', '.join(f'<{h}>' for h in FOREIGN[room])}")
                continue
            if "src/" + name not in known:
                yield Finding(path, line, f'"{name}" is not a path from src/')
                continue
            other = room_of(name)
            if other != room and other not in TABLE[room]:
                yield Finding(path, line, f"{room} may not include {other}")
            elif name not in ONLY.get((room, other), (name,)):
                yield Finding(path, line, f"{room} may include of {other} only {', '.join(ONLY[room, other])}")


def _public(tree):
    """Only headers that a room's README names are included from outside; a room's own tests are inside."""
    for room in tree.rooms():
        card = rooms.card(tree, room)
        if not card.exists:
            yield Finding(card.readme, 0, "is missing: a room says what it is for and names its public headers")
        elif card.public is None:
            yield Finding(card.readme, 0, "has no line `Public headers: `a.h`, `b.h`.` (or `none`)")
        for name in sorted(card.public or ()):
            if "src/" + name not in tree.files:
                yield Finding(card.readme, card.public_line, f"names {name}, which does not exist")
    for path in tree.ending(".c", ".h"):
        inside = _inside(path)
        for line, name, own in c_text.includes(tree.text(path)):
            room = name.split("/")[0]
            if not own or "src/" + name not in tree.files or room == inside:
                continue
            public = rooms.card(tree, room).public
            if public is not None and name not in public:
                yield Finding(path, line, f"{name} is not among the public headers of src/{room}/README.md")


def _inside(path):
    parts = path.split("/")
    if parts[0] == "src" or path.startswith("tests/unit/"):
        return parts[1] if parts[0] == "src" else parts[2]
    return ""


def doc_table(text):
    """room -> set of rooms, from the words of the table in DOC."""
    rows = [tuple(cell.strip() for cell in m.groups()) for m in ROW.finditer(text)]
    rows = [row for row in rows if row[0] in TABLE]
    names, table = [row[0] for row in rows], {}
    everybody = set(names) | {LINUX}
    for i, (name, _, words) in enumerate(rows):
        words = re.sub(r"\([^)]*\)", "", words).strip()
        if words == "–":
            allowed = set()
        elif words == "all above":
            allowed = set(names[:i])
        elif words.startswith("all but "):
            allowed = everybody - set(re.split(r",\s*", words[8:])) - {name}
        else:
            allowed = set(re.split(r",\s*", words))
        table[name] = allowed
    return table


def _doc(tree):
    if DOC not in tree.files:
        yield Finding(DOC, 0, "is missing: it holds the table of rooms")
        return
    written = doc_table(tree.text(DOC))
    for room, allowed in TABLE.items():
        if room == LINUX:
            continue
        if room not in written:
            yield Finding(DOC, 0, f"its table of rooms lacks {room}")
        elif written[room] != set(allowed):
            difference = ", ".join(sorted(written[room] ^ set(allowed)))
            yield Finding(DOC, _row_line(tree, room), f"{room}: the table and tools/tidy_checks/layers.py "
                          f"differ in {difference}")
    for (room, _), headers in ONLY.items():
        line = _row_line(tree, room)
        for header in headers:
            if line and header.split("/")[1] + " only" not in tree.lines(DOC)[line - 1]:
                yield Finding(DOC, line, f"{room}: the table must say ({header.split('/')[1]} only)")


def _row_line(tree, room):
    return next((i + 1 for i, line in enumerate(tree.lines(DOC)) if re.match(rf"\|\s*{room}\s*\|", line)), 0)
