"""What the compiler made: objects of the build folder, and the symbols and sections in them."""
import json
import os
import re
import subprocess
from typing import NamedTuple


class NotBuilt(Exception):
    """The build folder lacks what a check needs."""


class Symbols(NamedTuple):
    defined: dict  # name -> letter of nm, what others can see
    undefined: frozenset


class Objects:
    def __init__(self, tree):
        self.tree = tree
        self.of = {}  # source, from the root -> its object files
        self._symbols = None
        listing = tree.build / "compile_commands.json"
        if not listing.exists():
            raise NotBuilt(f"{listing} is missing: run make first")
        known = set(tree.files)
        for row in json.loads(listing.read_text()):
            source = os.path.relpath(os.path.realpath(os.path.join(row["directory"], row["file"])), tree.root)
            made = os.path.join(row["directory"], row["output"])
            if source in known:
                if not os.path.exists(made):
                    raise NotBuilt(f"{made} is missing: run make first")
                self.of.setdefault(source, []).append(made)

    def symbols(self):
        """source -> Symbols."""
        if self._symbols is None:
            self._symbols = self._read()
        return self._symbols

    def _read(self):
        source_of = {made: source for source, all_made in self.of.items() for made in all_made}
        out = run_tool(["nm", "-A", "-P", "-g", *source_of]) if source_of else ""
        defined, undefined = {}, {}
        for line in out.splitlines():
            m = re.match(r"(.*): (\S+) (\S)", line)
            if not m:
                continue
            source, name, letter = source_of[m.group(1)], m.group(2), m.group(3)
            if letter in "Uw":
                undefined.setdefault(source, set()).add(name)
            else:
                defined.setdefault(source, {})[name] = letter
        return {source: Symbols(defined.get(source, {}), frozenset(undefined.get(source, ())))
                for source in self.of}

    def home(self):
        """symbol -> the source that defines it; programs' mains are left out."""
        return {name: source for source, s in sorted(self.symbols().items()) for name in s.defined if name != "main"}


def of(tree):
    return tree.cached("objects", lambda: Objects(tree))


def run_tool(args):
    env = dict(os.environ, LC_ALL="C")
    try:
        return subprocess.run(args, env=env, stdout=subprocess.PIPE, check=True, text=True).stdout
    except FileNotFoundError:
        raise NotBuilt(f"{args[0]} is missing: run tools/install-deps tidy") from None
