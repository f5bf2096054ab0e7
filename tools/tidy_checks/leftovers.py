"""leftovers: marks of unfinished work, scars of reformatting, and calls that have a better one."""
import re

from . import programs
from .tree import Finding

NAME = "leftovers"
# In two pieces: this file is checked too. Three X in small letters may be digits, and a verb no mark.
MARKS = re.compile(r"\b((?i:FIX" r"ME|TO" r"DO)|XX" r"X|HA" r"CK)\b(\(\d{4}\))?")

SCAR = re.compile(r"\s*\* \*/\s*$")  # a comment that was a little too long for its line

MEM = "mem_alloc and mem_free of base/mem.h, which count"
TEXT = "logger_log, or a writer of base/bytes.h"
NUMBER = "strtoull, or a reader of base/bytes.h"

# call -> what to use instead; in src/ and bench/
EVERYWHERE = {
    "strcpy": "memcpy with the size known, or snprintf",
    "strcat": "a writer of base/bytes.h",
    "strncpy": "snprintf",
    "strncat": "a writer of base/bytes.h",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "atoi": NUMBER,
    "atol": NUMBER,
    "atof": "strtod with its end checked",
    "strtok": "a reader of base/bytes.h",
    "localtime": "gmtime_r: times are UTC",
    "gmtime": "gmtime_r",
    "ctime": "gmtime_r",
    "asctime": "gmtime_r",
    "alloca": "a buffer with a bound that has a name",
    "system": "a call of os/io.h",
    "popen": "a call of os/io.h",
    "tmpnam": "os_dir_open",
    "setjmp": "an error code",
    "longjmp": "an error code",
}

# the same, in src/ only and not in the programs
ROOMS = {
    "malloc": MEM,
    "calloc": MEM,
    "realloc": MEM,
    "free": MEM,
    "strdup": MEM,
    "rand": "prng_next of base/prng.h, or os_entropy",
    "srand": "prng_seed of base/prng.h",
    "random": "prng_next of base/prng.h, or os_entropy",
    "time": "os_now or os_wall",
    "clock_gettime": "os_now or os_wall",
    "gettimeofday": "os_now or os_wall",
    "getenv": "struct config_source of node/config.h",
    "setenv": "an argument",
    "assert": "ASSERT of base/panic.h, which stays on in releases",
    "abort": "PANIC of base/panic.h",
    "exit": "an error code",
    "_exit": "an error code",
    "printf": TEXT,
    "fprintf": TEXT,
    "puts": TEXT,
    "perror": TEXT,
    "signal": "os_linux_signals",
}

# the same, in every C file: a wait is for a state, with a bound
SLEEPS = {name: "os_timer_set, or a wait for a state" for name in ("sleep", "usleep", "nanosleep")}

ALLOWED = {
    ("src/base/mem.c", "malloc calloc realloc free"): "the accounts stand before the C allocator",
    ("src/base/panic.c", "abort"): "the panic itself",
    ("src/os/linux/file.c", "malloc free"): "files are opened on any thread; accounts are the loop's",
    ("src/os/linux/machine.c", "clock_gettime"): "os_now and os_wall themselves",
    ("src/store/lmdb_rows.c", "malloc free"): "spare rows of the flush thread, which has no account",
    ("src/node/bootstrap.c", "calloc free"): "the node holds its own account",
    ("src/sim/marks.c", "fprintf"): "the table of marks, to the stream that aspen-sim names",
    ("src/sim/story.c", "fprintf"): "events, to the stream that aspen-sim names",
    ("src/sim/table.c", "fprintf"): "how nodes stood, to the same stream",
    ("src/sim/world.c", "calloc free"): "the world holds its own account",
    ("src/api/json_in.c", "free"): "text that jansson allocated",
    ("src/api/routes_status.c", "free"): "text that jansson allocated",
}
CALL = re.compile(r"(?<![\w.>])(%s)\s*\(" % "|".join({**EVERYWHERE, **ROOMS, **SLEEPS}))
FLAGS = ("-Wvla", "-Wconversion", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "werror=true")


def check(tree):
    for path in tree.files:
        if not path.endswith(".md"):
            yield from _marks(tree, path)
    for path in tree.ending(".c", ".h"):
        yield from _scars(tree, path)
        yield from _calls(tree, path)
    yield from _flags(tree)


def _marks(tree, path):
    for i, line in enumerate(tree.lines(path)):
        for m in MARKS.finditer(line):
            plan = m.group(1).upper().startswith("TO")
            if plan and m.group(2):
                continue
            hint = "finish it, or name its decision: TO" "DO(0001)" if plan else "finish it"
            yield Finding(path, i + 1, f"{m.group(1)} is left over: {hint}")


def _scars(tree, path):
    for i, line in enumerate(tree.lines(path)):
        if SCAR.match(line):
            yield Finding(path, i + 1, "the end of a comment alone on its line: shorten the line above")


def _banned(path):
    table = dict(SLEEPS)
    if path.startswith(("src/", "bench/")):
        table.update(EVERYWHERE)
    if path.startswith("src/") and not programs.has(path):
        table.update(ROOMS)
    return table


def _calls(tree, path):
    banned = _banned(path)
    excused = {name for (where, names) in ALLOWED for name in names.split() if where == path}
    for i, line in enumerate(tree.code(path).split("\n")):
        for m in CALL.finditer(line):
            if m.group(1) in banned and m.group(1) not in excused:
                yield Finding(path, i + 1, f"{m.group(1)} is banned here: use {banned[m.group(1)]}")


def _flags(tree):
    """What the compiler checks better than a search: arrays of variable length among others."""
    if "meson.build" in tree.files:
        for flag in FLAGS:
            if f"'{flag}'" not in tree.text("meson.build"):
                yield Finding("meson.build", 0, f"lacks {flag}, by which the compiler checks the house rules")
