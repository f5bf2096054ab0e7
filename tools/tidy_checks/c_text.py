"""Reading C well enough for the checks: the sources have one format, so a full parser is not needed."""
import re
from typing import NamedTuple

TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.M)
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(?:"([^"]+)"|<([^>]+)>)', re.M)
DECORATION = re.compile(r"__attribute__\s*\(\(.*?\)\)|\b[A-Z][A-Z_0-9]+\b(?:\s*\([^()]*\))?", re.S)
FUNCTION_NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")


def _spaces(match):
    return re.sub(r"[^\n]", " ", match.group())


def blank(text):
    """Comments and literals become spaces."""
    return TOKEN.sub(_spaces, text)


def blank_directives(code):
    return DIRECTIVE.sub(_spaces, code)


def line_at(text, offset):
    return text.count("\n", 0, offset) + 1


def includes(text):
    """(line, name, own) of each include; own: in quotes."""
    return [(line_at(text, m.start()), m.group(1) or m.group(2), m.group(1) is not None)
            for m in INCLUDE.finditer(text)]


def closing(code, at):
    """Offset of the parenthesis or brace that closes the one at `at`; -1 when there is none."""
    opens, closes = code[at], {"(": ")", "{": "}"}[code[at]]
    depth = 0
    for i in range(at, len(code)):
        if code[i] == opens:
            depth += 1
        elif code[i] == closes:
            depth -= 1
            if depth == 0:
                return i
    return -1


class Body(NamedTuple):
    name: str
    first: int  # line of the head
    last: int  # line of the closing brace


def bodies(code):
    """Functions that are defined here: their opening brace stands alone at the line's begin."""
    lines = blank_directives(code).split("\n")
    found = []
    for i, line in enumerate(lines):
        if not line.startswith("{"):
            continue
        first = i
        while first > 0 and lines[first - 1].strip() and not lines[first - 1].rstrip().endswith((";", "}")):
            first -= 1
        last = next((j for j in range(i, len(lines)) if lines[j].startswith("}")), len(lines) - 1)
        head = FUNCTION_NAME.search(DECORATION.sub(_spaces, " ".join(lines[first:i])))
        found.append(Body(head.group(1) if head else "?", first + 1, last + 1))
    return found


class Declaration(NamedTuple):
    name: str
    kind: str  # "function", "inline", "object", "macro"
    first: int
    last: int


def _classify(head, is_body):
    plain = DECORATION.sub(" ", head).strip()
    if not plain or plain.startswith(("typedef", "static_assert", "_Static_assert")):
        return None
    call = FUNCTION_NAME.search(plain)
    if call and "=" not in plain[:call.start()]:
        return call.group(1), "inline" if is_body else "function"
    if plain.startswith("extern"):
        return re.sub(r"\[.*", "", plain).split()[-1], "object"
    return None


def declarations(code):
    """Functions, extern objects and function-like macros that a header declares, in order."""
    found = []
    for m in re.finditer(r"^[ \t]*#[ \t]*define[ \t]+(\w+)\((?:[^\n]*\\\n)*[^\n]*", code, re.M):
        found.append(Declaration(m.group(1), "macro", line_at(code, m.start()), line_at(code, m.end())))
    code = blank_directives(code)
    begin = at = 0
    while at < len(code):
        if code[at] == "{":
            head, end = code[begin:at], closing(code, at)
            end = end if end >= 0 else len(code) - 1
            if re.search(r"\)\s*$", head):
                found.append(_declared(code, begin, end, True))
                begin = end + 1
            at = end
        elif code[at] == ";":
            found.append(_declared(code, begin, at, False))
            begin = at + 1
        at += 1
    return sorted((d for d in found if d), key=lambda d: d.first)


def _declared(code, begin, end, is_body):
    head = code[begin:end]
    begin += len(head) - len(head.lstrip())
    if is_body:
        head = head[:head.index("{")]
    while "{" in head:  # members of a struct are no declarations of their own
        brace = head.index("{")
        after = closing(head, brace)
        head = head[:brace] + (head[after + 1:] if after >= 0 else "")
    what = _classify(head, is_body)
    if what is None:
        return None
    return Declaration(what[0], what[1], line_at(code, begin), line_at(code, end))
