"""What a room says about itself in its README.md: who may include what, and how its symbols begin."""
import re
from typing import NamedTuple, Optional

ITEM = r"`[^`]+`(?:\s*\([^()]*\))?"
ITEMS = rf"\s*(none\b|{ITEM}(?:(?:\s*,\s*and|\s*,|\s+and)\s+{ITEM})*)"
PUBLIC = re.compile(r"Public headers?:" + ITEMS)
PREFIXES = re.compile(r"Exported prefix(?:es)?:" + ITEMS)


class Card(NamedTuple):
    readme: str
    exists: bool
    public: Optional[frozenset]  # paths from src/, as in an include; None: the README does not say
    prefixes: Optional[tuple]
    public_line: int


def card(tree, room):
    return tree.cached(("room", room), lambda: _read(tree, room))


def _read(tree, room):
    readme = f"src/{room}/README.md"
    if readme not in tree.files:
        return Card(readme, False, None, None, 0)
    text = tree.text(readme)
    public = PUBLIC.search(text)
    names = None
    if public:
        names = frozenset(n if n.startswith(room + "/") else f"{room}/{n}" for n in _items(public))
    prefixes = PREFIXES.search(text)
    line = text.count("\n", 0, public.start()) + 1 if public else 0
    return Card(readme, True, names, tuple(_items(prefixes)) if prefixes else None, line)


def _items(match):
    return re.findall(r"`([^`]+)`", match.group(1))
