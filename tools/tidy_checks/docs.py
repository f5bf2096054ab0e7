"""docs: what a page points at exists, and a room's page names every source file of the room."""
import fnmatch
import itertools
import posixpath
import re

from .tree import Finding

NAME = "docs"
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
TICKED = re.compile(r"`([^`\n]+)`")
TOP = ("src", "docs", "tests", "tools", "bench", "examples", "include", "packaging", "fuzz", "seeds")
PATH = re.compile(r"(?:%s)/[\w.,/{}*-]*" % "|".join(TOP))
ROOM_FILE = re.compile(r"([a-z]+/)+\w+\.[ch]$")
BARE_FILE = re.compile(r"\w[\w-]*\.[ch]$")
PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
SOURCE = re.compile(r"[\w*-]+\.c\b")
FENCE = re.compile(r"^ *```.*?^ *```", re.M | re.S)


def check(tree):
    known = set(tree.files) | {p[:m.start()] for p in tree.files for m in re.finditer("/", p)}
    bare = {posixpath.basename(path) for path in tree.files}
    for path in tree.ending(".md"):
        text = FENCE.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), tree.text(path))
        for i, line in enumerate(text.split("\n")):
            for what in itertools.chain(_links(tree, path, line, known), _paths(tree, path, line, known, bare)):
                yield Finding(path, i + 1, what)
    yield from _unnamed(tree)
    for path in tree.ending(".c", ".h", ".py", ".sh", ".toml", ".build"):
        for i, line in enumerate(tree.lines(path)):
            for name in PAGE.findall(line):
                if name not in known and not path.startswith("tests/tools/"):
                    yield Finding(path, i + 1, f"speaks of {name}, which does not exist")


def _unnamed(tree):
    for path in tree.ending(".c"):
        folders, page = path.split("/"), "src/%s/README.md" % path.split("/")[1]
        if folders[0] != "src" or page not in tree.files:
            continue
        named = tree.cached(("named", page), lambda: set(SOURCE.findall(tree.text(page))))
        if not any(fnmatch.fnmatchcase(folders[-1], name) for name in named):
            yield Finding(page, 0, f"does not name {folders[-1]}: every source file of a room has its place there")


def _links(tree, path, line, known):
    for target in LINK.findall(line):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        at = posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) if name else path
        if at not in known:
            yield f"links to {target}, which does not exist"
        elif anchor and at.endswith(".md") and anchor not in _anchors(tree, at):
            yield f"links to {target}: the page has no such heading"


def _anchors(tree, page):
    heads = re.findall(r"^#+ +(.*)$", tree.text(page), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def _expand(name):
    m = re.search(r"\{([^{}]*)\}", name)
    if not m:
        return [name]
    return [n for part in m.group(1).split(",") for n in _expand(name[:m.start()] + part.strip() + name[m.end():])]


def _exists(tree, name, known):
    name = name.rstrip("/.,")
    return name in known or "*" in name and any(fnmatch.fnmatchcase(known_name, name) for known_name in known)


def _paths(tree, path, line, known, bare):
    for ticked in TICKED.findall(line):
        word = ticked.split(":")[0]
        m = PATH.fullmatch(word)
        if m:
            missing = [n for n in _expand(word) if not _exists(tree, n, known)]
            if missing:
                yield f"speaks of {missing[0]}, which does not exist"
        elif ROOM_FILE.fullmatch(word):
            folder = posixpath.dirname(path)
            if "src/" + word not in known and posixpath.join(folder, word) not in known:
                yield f"speaks of {word}, which is in no room"
        elif BARE_FILE.fullmatch(word) and word not in bare:
            yield f"speaks of {word}, which does not exist"
