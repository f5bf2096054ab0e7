"""braces: every body of if, else, for, while and do has them, one-line bodies too."""
import re

from . import c_text
from .tree import Finding

NAME = "braces"
KEYWORD = re.compile(r"\b(if|else|for|while|do|(?:LIST|RING|MAP)_EACH)\b")
BLANK = re.compile(r"(?:\s|\\\n)*")


def check(tree):
    for path in tree.ending(".c", ".h"):
        code = tree.code(path)
        for m in KEYWORD.finditer(code):
            if not _on_directive(code, m.start()) and not _braced(code, m):
                yield Finding(path, c_text.line_at(code, m.start()), f"the body of {m.group(1)} has no braces")


def _on_directive(code, at):
    """#if, #else and the name in #define."""
    return bool(re.match(r"[ \t]*#[ \t]*(define[ \t]+)?$", code[code.rfind("\n", 0, at) + 1:at]))


def _after_blank(code, at):
    return BLANK.match(code, at).end()


def _braced(code, m):
    word, at = m.group(1), _after_blank(code, m.end())
    if word == "else" and code.startswith("if", at):
        return True  # looked at by itself
    if word not in ("else", "do"):
        end = c_text.closing(code, at) if code[at:at + 1] == "(" else -1
        if end < 0:
            return True  # not a statement
        if code[code.rfind("\n", 0,
                           at) + 1:].startswith("#define") and re.match(r"[ \t]*$", code[end + 1:].split("\n")[0]):
            return True  # the head of a loop of our own: its body is the user's
        at = _after_blank(code, end + 1)
    if code[at:at + 1] == "{":
        return True
    # the end of do { } while (x);  in a macro its semicolon may be the caller's
    return word == "while" and code[:m.start()].rstrip(" \t").endswith("}")
