"""cards: a header begins with its card, and what it declares is explained above the declaration."""
import re

from . import c_text, rooms
from .tree import Finding

NAME = "cards"
FILE_CARD = re.compile(r"/\* (\S+) -- (.+?)(?:\*/|\n \*\n|\n \*/)", re.S)
FUNCTION_CARD = re.compile(r"/\*\s*([\w]+(?:(?:,| and|,\s*\*)\s+[\w]+)*) --\s*(.*?)\*/", re.S)
TABLE = re.compile(r"[A-Z0-9_]+_(LIST|ENUM|ROWS|COUNTERS|HISTOGRAMS)$")  # X-macros: their rows speak
ELSEWHERE = re.compile(r"cards are in (\S+\.h)\b")
SECTION = re.compile(r"/\* -{2,} .* -{2,}")
WORDS_MIN = 3


def check(tree):
    for path in tree.ending(".h"):
        yield from _file_card(tree, path)
        if path.startswith("src/"):
            yield from _function_cards(tree, path)


def _words(text):
    return len(re.findall(r"\w+", text))


def _file_card(tree, path):
    m = FILE_CARD.match(tree.text(path))
    wanted = path[4:] if path.startswith("src/") else path
    if not m:
        yield Finding(path, 1, f"must begin with /* {wanted} -- one sentence: what this is")
    elif m.group(1) != wanted:
        yield Finding(path, 1, f"its card speaks of {m.group(1)}, not of {wanted}")
    elif _words(m.group(2)) < WORDS_MIN:
        yield Finding(path, 1, "its card says nothing")


def _comment_above(lines, line):
    """The comment that ends directly above a line (from 1), or None."""
    end = line - 2
    if end < 0 or not lines[end].rstrip().endswith("*/"):
        return None
    begin = end
    while begin >= 0 and "/*" not in lines[begin]:
        begin -= 1
    return "\n".join(lines[begin:end + 1]) if begin >= 0 and lines[begin].startswith("/*") else None


def _is_public(tree, path):
    public = rooms.card(tree, path.split("/")[1]).public
    return public is None or path[4:] in public


def _function_cards(tree, path):
    lines, public = tree.lines(path), _is_public(tree, path)
    sections = [(i + 1, line) for i, line in enumerate(lines) if SECTION.match(line)]
    card, previous = None, None
    for d in c_text.declarations(tree.code(path)):
        if d.kind == "macro" and (TABLE.match(d.name) or not public):
            continue
        above = _comment_above(lines, d.first)
        run = previous is not None and d.first == previous + 1
        if above is not None:
            card = None if SECTION.match(above) else above
        elif not run:
            card = None
        previous = d.last
        if card is None:
            section = next((text for line, text in reversed(sections) if line < d.first), None)
            if not _excused(tree, section, public):
                yield Finding(path, d.first, f"{d.name} has no card: /* {d.name} -- what it does, units, errors */")
        elif d.kind != "macro" and not re.search(rf"\b{d.name}\b", card):
            if public or above is not None and FUNCTION_CARD.match(card):
                yield Finding(path, d.first, f"the card above {d.name} does not name it")
        elif _says_nothing(card):
            yield Finding(path, d.first, f"the card of {d.name} says nothing")


def _excused(tree, section, public):
    """A heading that says where the cards are; inside of a room, any heading over calls between its files."""
    if section is None:
        return False
    elsewhere = ELSEWHERE.search(section)
    return "src/" + elsewhere.group(1) in tree.files if elsewhere else not public


def _says_nothing(card):
    m = FUNCTION_CARD.match(card)
    return m is not None and _words(m.group(2)) < 2
