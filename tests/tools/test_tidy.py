#!/usr/bin/python3
"""tests/tools/test_tidy.py -- each check of tools/tidy catches what is planted, and nothing else.

Subject: tools/tidy and tools/tidy_checks.
Method:  a made-up tree passes every check; one change at a time must be found by its check, at its place.
"""
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from little import ROOT, Little  # noqa: E402
from plants import INNOCENT, PLANTS  # noqa: E402
from tap import Tap  # noqa: E402

sys.path.insert(0, str(ROOT / "tools"))
import tidy_checks  # noqa: E402
from tidy_checks.tree import Tree  # noqa: E402

CHECKS = {check.NAME: check for check in tidy_checks.CHECKS}
OF_OBJECTS = ("symbols", "prefixes", "statics", "dead", "registered")


def look(little, check, edits=(), modes=(), **built):
    files = little.write(edits, modes)
    if check in OF_OBJECTS:
        little.build(files, **built)
    return sorted(set(CHECKS[check].check(Tree(little.root))))


def run(*args):
    return subprocess.run([str(ROOT / "tools" / "tidy"), *map(str, args)], stdout=subprocess.PIPE, text=True)


def front(tap, little):
    little.build(little.write())
    clean = run("--root", little.root)
    tap.test("tidy: a clean tree ends with 0", clean.returncode == 0 and "nothing found" in clean.stdout, clean.stdout)
    (little.root / "README.md").write_text("# A \n")
    dirty = run("--root", little.root)
    tap.test("tidy: a finding is one line with its place, and ends with 1",
             dirty.returncode == 1 and "README.md:1: ends with white space [files]\n" in dirty.stdout, dirty.stdout)
    other = run("--root", little.root, "braces", "cards")
    tap.test("tidy: only the checks that are named run", other.returncode == 0 and "2 checks" in other.stdout,
             other.stdout)
    unbuilt = run("--root", little.root, "--build", little.root / "nowhere", "symbols")
    tap.test("tidy: without objects it says what to do, and ends with 2",
             unbuilt.returncode == 2 and "run make first" in unbuilt.stdout, unbuilt.stdout)


def git(tap, little):
    little.write({".gitignore": "*.o\n", "src/raft.o": b"\x7fELF\xff", "notes.log": "mine\n"})
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null")
    try:
        for words in (["init", "-q"], ["add", "README.md"]):
            subprocess.run(["git", "-C", str(little.root), *words], check=True, env=env)
    except FileNotFoundError:
        tap.skip("tree: what git ignores is not looked at", "no git")
        return
    files = Tree(little.root).files
    tap.test("tree: what git ignores is not looked at", "src/raft.o" not in files and "README.md" in files, files)
    tap.test("tree: a new source is looked at, a stray note is not",
             "src/raft/raft.c" in files and "notes.log" not in files, files)


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix="aspen-tidy-") as folder:
        little = Little(folder)
        for name in CHECKS:
            found = look(little, name)
            tap.test(f"{name}: nothing is found in a clean tree", not found, *found)
        for plant in PLANTS:
            found = look(little, plant.check, plant.edits, plant.modes, tests=plant.tests) \
                if plant.check == "registered" else look(little, plant.check, plant.edits, plant.modes)
            seen = any(f.path == plant.path and plant.says in f.text for f in found)
            tap.test(f"{plant.check}: finds {plant.what}", seen, f"not found: {plant.path}: {plant.says}", *found)
        for check, what, edits in INNOCENT:
            found = look(little, check, edits)
            tap.test(f"{check}: lets pass {what}", not found, *found)
        planted = {plant.check for plant in PLANTS}
        tap.test("tidy: every check has a plant", planted == set(CHECKS), set(CHECKS) - planted)
        front(tap, little)
        git(tap, little)
    return tap.done()


sys.exit(main())
