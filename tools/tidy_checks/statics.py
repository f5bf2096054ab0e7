"""statics: no mutable data outside the programs; several nodes live in one simulated process."""
import re

from . import objects
from .tree import Finding

NAME = "statics"
ALLOWED = {
    "src/sim/chance.c": (r"chance_\w+", "GnuTLS has one of each a process, and passes no argument"),
    "src/sim/run.c": (r"run_(line|total|pid)", "a signal handler is given no argument"),
    "src/base/panic.c": (r"panic_\w+", "an abort is a matter of the process, not of a node"),
}
PROGRAMS = ("src/cmd/",)
FILE = re.compile(r"^(.*):\s+file format ")
# Constants that hold addresses live in .data.rel.ro: written by the linker only.
SECTION = r"(?:\.t?bss|\.t?data(?!\.rel\.ro)|\*COM\*)\S*"
MUTABLE = re.compile(rf"^[0-9a-f]+ .{{7}} {SECTION}\t([0-9a-f]+) +(?:0x\w+ |\.\w+ )?(\S+)$")


def check(tree):
    built = objects.of(tree)
    source_of = {made: source for source, all_made in built.of.items() for made in all_made
                 if source.startswith("src/") and not source.startswith(PROGRAMS)}
    if not source_of:
        return
    source = None
    for line in objects.run_tool(["objdump", "-t", *source_of]).splitlines():
        header = FILE.match(line)
        if header:
            source = source_of[header.group(1)]
            continue
        m = MUTABLE.match(line)
        if not m or int(m.group(1), 16) == 0 or m.group(2).startswith("."):
            continue
        name = re.sub(r"\.\d+$", "", m.group(2))
        if source in ALLOWED and re.fullmatch(ALLOWED[source][0], name):
            continue
        yield Finding(source, _line(tree, source, name),
                      f"{name} is mutable and static: keep it in a struct of its owner")


def _line(tree, source, name):
    lines = tree.code(source).split("\n")
    return next((i + 1 for i, line in enumerate(lines) if re.search(rf"\bstatic\b.*\b{re.escape(name)}\b", line)), 0)
