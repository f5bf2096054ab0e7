"""registered: every test in the tree is one that Meson runs."""
import json
import os
import posixpath
import re

from . import objects
from .tree import Finding

NAME = "registered"
UNIT = re.compile(r"tests/unit/\w+/test_\w+\.c$")
SCRIPT = re.compile(r"tests/.*\.(sh|py)$")


def check(tree):
    commands = _commands(tree)
    run = set()
    for target in _listing(tree, "intro-targets.json"):
        if commands & {os.path.realpath(f) for f in target["filename"]}:
            for part in target["target_sources"]:
                run |= {os.path.relpath(os.path.realpath(s), tree.root) for s in part.get("sources", ())}
    for path in tree.files:
        if UNIT.match(path) and path not in run:
            yield Finding(path, 0, "is not registered: name it in the meson.build of its folder")
        elif SCRIPT.match(path) and tree.raw(path).startswith(b"#!"):
            if str(tree.root / path) not in commands and not _named(tree, path):
                yield Finding(path, 0, "is run by no test: register it in the meson.build of its folder")


def _listing(tree, name):
    path = tree.build / "meson-info" / name
    if not path.exists():
        raise objects.NotBuilt(f"{path} is missing: run make first")
    return json.loads(path.read_text())


def _commands(tree):
    """Programs that are tests, and what they are given."""
    words = {word for test in _listing(tree, "intro-tests.json") for word in test["cmd"]}
    return {os.path.realpath(word) for word in words if word.startswith("/")}


def _named(tree, path):
    """Called by another script of the tests, as helpers are."""
    name = posixpath.basename(path)
    others = [other for other in tree.ending(".sh", ".py", under="tests/") if other != path]
    return any(re.search(rf"\b{re.escape(name)}\b", tree.text(other)) for other in others)
