#!/usr/bin/python3
"""tests/script/paper.py -- PAPER.md is true: every test that it names exists, every section has one, every script has
its place and is checked after every line.

usage: tests/script/paper.py [PAGE]
"""
import fnmatch
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
UNIT = HERE.parent / "unit" / "raft"
SECTIONS = ("5.1", "5.2", "5.3", "5.4.1", "5.4.2", "5.5", "5.6", "6", "7", "8", "D 3.10", "D 4.1", "D 4.2", "D 4.3",
            "D 4.4", "D 6.2", "D 6.3", "D 6.4", "D 9.6", "D 10.2")
NAME = re.compile(r"`([a-z]\w*: [^`]+|[a-z0-9_]+(?:\*)?)`")
PLANTED_SCRIPTS = ("cluster voters=1\ncampaign 1\ninvariants on\n", "cluster voters=1\n# invariants on\n",
                   "invariants on\ncluster voters=1\ninvariants off\n")  # not one of them will do
TEST = re.compile(r'TAP_TEST\(\s*"([^"]+)"')


def known():
    """Names of scripts, and sentences of tests."""
    scripts = {path.name.removesuffix(".rs.txt") for path in (HERE / "raft").glob("*.rs.txt")}
    tests = {name for path in UNIT.glob("test_*.c") for name in TEST.findall(path.read_text())}
    return scripts, tests


def sections(text):
    """Head of each section -> the names in its list."""
    found = {}
    for part in re.split(r"^## ", text, flags=re.M)[1:]:
        head, _, body = part.partition("\n")
        lists = re.findall(r"^(?:- |From each).*(?:\n  .*)*", body, re.M)
        found[head] = [name for item in lists for name in NAME.findall(item)]
    return found


def findings(text, scripts, tests):
    found, named = sections(text), set()
    for number in SECTIONS:
        if not any(head.startswith(number + " ") and names for head, names in found.items()):
            yield f"section {number} names no test"
    for head, names in found.items():
        for name in names:
            those = {name} & tests if ": " in name else set(fnmatch.filter(scripts, name))
            named |= those
            if not those:
                yield f"section {head}: there is no {name}"
    yield from (f"script {name} has no section" for name in sorted(scripts - named))


def unchecked(script):
    """What of a script runs without invariants; only an old copy of a disk may take back what was promised."""
    lines = [words for words in (line.split("#")[0].split() for line in script.splitlines()) if words]
    if ["invariants", "on"] not in lines[:2]:
        return "it does not begin with `invariants on`"
    copied = any(words[0] == "restart" and "copy=1" in words for words in lines)
    return "" if copied or ["invariants", "off"] not in lines else "`invariants off`, and no old copy of a disk"


def main():
    text = (pathlib.Path(sys.argv[1]) if sys.argv[1:] else HERE / "PAPER.md").read_text()
    scripts, tests = known()
    wrong = list(findings(text, scripts, tests))
    print(*(f"# {line}" for line in wrong), sep="\n", end="\n" if wrong else "")
    print(f"{'not ' if wrong else ''}ok 1 - paper: each section names tests that exist, each script has its place")
    # a page that names what is gone, one without a section, one without a script
    planted = ((text.replace("`figure_8_", "`figure_9_"), "there is no figure_9_"),
               (text.replace("`core: a voter judges", "`core: a voter guesses"), "there is no core: a voter guesses"),
               (text.replace("## D 9.6 ", "## D 9.7 "), "section D 9.6 names no test"),
               (text.replace("`leader_restart`, ", ""), "script leader_restart has no section"))
    bad = [what for page, what in planted if not any(what in line for line in findings(page, scripts, tests))]
    bad += [script for script in PLANTED_SCRIPTS if not unchecked(script)]
    print(*(f"# not found: {what}" for what in bad), sep="\n", end="\n" if bad else "")
    print(f"{'not ' if bad else ''}ok 2 - paper: what is gone is found")
    loose = [f"{path.name}: {why}" for path in sorted((HERE / "raft").glob("*.rs.txt"))
             if (why := unchecked(path.read_text()))]
    print(*(f"# {line}" for line in loose), sep="\n", end="\n" if loose else "")
    print(f"{'not ' if loose else ''}ok 3 - paper: every line of every script is followed by invariants\n1..3")
    return 1 if wrong or bad or loose else 0


sys.exit(main())
