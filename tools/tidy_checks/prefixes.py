"""prefixes: what a room exports begins with one of the prefixes that its README names."""
from . import objects, programs, rooms
from .tree import Finding

NAME = "prefixes"


def check(tree):
    built = objects.of(tree)
    for source, symbols in sorted(built.symbols().items()):
        if not source.startswith("src/"):
            continue
        room = source.split("/")[1]
        card = rooms.card(tree, room)
        prefixes = card.prefixes if card.prefixes is not None else (room + "_",)
        for name in sorted(symbols.defined):
            if name in programs.CALLED and programs.has(source):
                continue
            if not any(name.startswith(p) or name == p.rstrip("_") for p in prefixes):
                yield Finding(source, 0, f"exports {name}, which begins with none of {', '.join(prefixes)} "
                              f"(`Exported prefixes:` of {card.readme})")
