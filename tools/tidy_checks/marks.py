"""marks: each rare path has a name of its own, and one test that vouches for reaching it."""
import re

from . import c_text
from .tree import Finding

NAME = "marks"
MARK = re.compile(r'\bMARK(?:_IF)?\s*\(')
NAMED = re.compile(r'"([^"\n]+)"\s*\)$')
EXPECT = re.compile(r'\bEXPECT_MARK\s*\(\s*"([^"\n]+)"\s*\)')
SCRIPT = re.compile(r"^# mark: (.*)$", re.M)
HOME = "src/base/mark.h"


def sites(tree):
    """(name or None, path, line) of each mark in the sources."""
    for path in tree.ending(".c", ".h", under="src/"):
        if path == HOME or "MARK" not in tree.text(path):
            continue
        code, text = tree.code(path), tree.text(path)
        for m in MARK.finditer(code):
            end = c_text.closing(code, m.end() - 1)
            named = NAMED.search(text[m.start():end + 1])
            yield named and named.group(1), path, c_text.line_at(text, m.start())


def vouchers(tree):
    """(name, path, line) of each test that says that it reaches a mark."""
    for path in tree.ending(".c", ".h", ".rs.txt", under="tests/"):
        for m in (SCRIPT if path.endswith(".txt") else EXPECT).finditer(tree.text(path)):
            yield m.group(1), path, c_text.line_at(tree.text(path), m.start())


def check(tree):
    first, vouched = {}, {}
    for name, path, line in sites(tree):
        room = path.split("/")[1]
        if name is None:
            yield Finding(path, line, "a mark's name is a constant text, the last argument")
        elif not name.startswith(room + ": "):
            yield Finding(path, line, f'the mark "{name}" is named "{room}: what happens" here')
        elif name in first:
            yield Finding(path, line, f'the mark "{name}" stands in {first[name][0]} too')
        else:
            first[name] = path, line
    for name, path, line in vouchers(tree):
        if name not in first:
            yield Finding(path, line, f'there is no mark "{name}" in the sources')
        elif name in vouched:
            yield Finding(path, line, f'{vouched[name]} vouches for the mark "{name}" already')
        vouched.setdefault(name, path)
    for name, (path, line) in first.items():
        if name not in vouched:
            yield Finding(path, line, f'no test vouches for the mark "{name}": EXPECT_MARK in the one that reaches it')
