"""lengths: functions, files and lines that a reader can hold."""
import re

from . import c_text
from .tree import Finding

NAME = "lengths"
FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 800
CODE_COLUMNS_MAX = 100
TEXT_COLUMNS_MAX = 120
ROOM_PAGE_LINES_MAX = 120


def check(tree):
    for path in tree.files:
        yield from _lines(tree, path)
    for path in tree.ending(".c", ".h"):
        for body in c_text.bodies(tree.code(path)):
            count = body.last - body.first + 1
            if count > FUNCTION_LINES_MAX:
                yield Finding(path, body.first, f"{body.name} has {count} lines, the most is {FUNCTION_LINES_MAX}")


def _lines(tree, path):
    is_code, is_page = path.endswith((".c", ".h", ".go")), path.endswith(".md")
    most = CODE_COLUMNS_MAX if is_code else TEXT_COLUMNS_MAX
    lines = tree.lines(path)
    room_page = re.fullmatch(r"src/\w+/README\.md", path)
    lines_max = ROOM_PAGE_LINES_MAX if room_page else FILE_LINES_MAX
    if len(lines) - 1 > lines_max:
        yield Finding(path, 0, f"has {len(lines) - 1} lines, the most is {lines_max}")
    for i, line in enumerate(lines):
        if len(line) > most and not (is_page and line.lstrip().startswith("|")):
            yield Finding(path, i + 1, f"has {len(line)} columns, the most is {most}")
