"""symbols: pure objects import nothing but memory functions; the others go to the machine by os only."""
import fnmatch
import re
from typing import NamedTuple

from . import layers, objects, programs
from .tree import Finding

NAME = "symbols"

# What no promise of purity is about: bytes and strings in memory, and what the compiler puts in.
MEMORY = re.compile(r"mem(cpy|move|set|cmp|chr)|bcmp|str(n?len|n?cmp|r?chr|n?casecmp|cspn|spn|str)$")
COMPILER = re.compile(r"__stack_chk_fail$|_GLOBAL_OFFSET_TABLE_$|__(asan|ubsan|sanitizer|tsan|gcov)_|__mem\w+_chk$")

# No clock, no I/O, no allocation, no chance: the same input gives the same output everywhere.
PURE = ("src/base/*.c", "src/raft/*.c", "src/kv/*.c", "src/net/frames.c", "src/net/admit.c",
        "src/node/call_codec.c", "src/node/origin.c", "src/node/toml*.c", "src/api/http_parse.c",
        "src/api/http_chunks.c", "src/api/json_hot.c", "src/api/json_out.c", "src/store/wal_batch.c")
IMPURE = ("src/base/mem.c", "src/base/panic.c", "src/base/trace.c")

# The room that is the machine; programs (programs.py) go to it as well.
FREE = ("os/linux",)


class Allowed(NamedTuple):
    objects: str  # pattern of sources
    symbols: str  # pattern of what they may import besides
    why: str


ALLOWED = (
    Allowed("src/*", r"panic_fail", "an assertion is the only way out of a pure room"),
    Allowed("src/base/panic.c", r"abort|getpid|snprintf|write", "the panic itself, once by a process"),
    Allowed("src/base/trace.c", r"snprintf|write", "trace_dump, called on panic"),
    Allowed("src/base/mem.c", r"calloc|malloc|malloc_trim|realloc|free", "the accounts stand before the C allocator"),
    Allowed("src/base/err.c", r"vsnprintf", "text into a bounded buffer"),
    Allowed("src/base/bytes_text.c", r"vsnprintf", "text into a bounded buffer"),
    Allowed("src/base/crc32c.c", r"__cpu_(model|indicator_init)|getauxval", "asks the processor for its instruction"),
    Allowed("src/base/heap.c", r"mem_(take|free)", "slots, counted in the owner's account"),
    Allowed("src/base/map.c", r"mem_(take|free)", "slots, counted in the owner's account"),
    Allowed("src/kv/*.c", r"tables?_\w+", "store's tables are the seam below the state machine"),
    Allowed("src/kv/kv.c", r"mem_(alloc|free)", "scratch for one command, from the tables' account"),
    Allowed("src/net/frames.c", r"mem_(alloc|resize|free)", "a frame grows in the account of its connection"),
    Allowed("src/net/admit.c", r"sodium_mem(cmp|zero)", "comparing and wiping secrets in constant time"),
    Allowed("src/node/toml_scalar.c", r"strtod", "correctly rounded; no room sets a locale"),
    Allowed("src/os/addr.c", r"inet_(pton|ntop)|snprintf", "text of addresses"),
    Allowed("src/sim/*.c", r"v?snprintf", "names, reasons and findings into bounded buffers"),
    Allowed("src/sim/lincheck*.c", r"qsort", "by unique keys, so every C library gives one order"),
    Allowed("src/sim/host.c", r"fwrite", "a node's log lines, to the stream that aspen-sim names"),
    Allowed("src/sim/story.c", r"fprintf|fputc|putc", "events, to the stream that aspen-sim names"),
    Allowed("src/sim/table.c", r"fprintf|fputc|putc", "how nodes stood, to the same stream"),
    Allowed("src/sim/world.c", r"calloc|free", "the world holds its own account"),
    Allowed("src/store/*.c", r"mdb_\w+|snprintf|qsort|strtoull", "LMDB; names of segments"),
    Allowed("src/store/lmdb_rows.c", r"malloc|free", "spare rows of the flush thread, which has no account"),
    Allowed("src/net/*.c", r"(ngtcp2|gnutls|sodium|crypto)_\w+", "QUIC, TLS and keys"),
    Allowed("src/node/*.c", r"json_\w+|v?snprintf|explicit_bzero|gmtime_r", "JSON form of peers; text; dates"),
    Allowed("src/node/bootstrap.c", r"calloc|free", "the node holds its own account"),
    Allowed("src/node/status.c", r"dprintf", "node_dump, called on panic"),
    Allowed("src/node/logger_stderr.c", r"write|__errno_location", "the sink of a real process"),
    Allowed("src/api/json_in.c", r"strtod", "whether a number is finite; no room sets a locale"),
    Allowed("src/api/*.c", r"json_\w+|snprintf|free", "jansson, and text that it allocated"),
)

# Calls through the table of os/io.h leave no symbol; pure sources must not make them either.
DOOR_CALL = re.compile(r"\b(os_(?!addr_)\w+)\s*\(")


def is_pure(source):
    return source not in IMPURE and any(fnmatch.fnmatchcase(source, p) for p in PURE)


def check(tree, allowed=ALLOWED):
    built = objects.of(tree)
    home = built.home()
    for source, symbols in sorted(built.symbols().items()):
        room = layers.room_of(source[4:]) if source.startswith("src/") else None
        if room is None or room in FREE or programs.has(source):
            continue
        pure = is_pure(source)
        for name in sorted(symbols.undefined):
            if MEMORY.match(name) or COMPILER.match(name) or _allowed(allowed, source, name):
                continue
            if name not in home:
                yield Finding(source, 0, f"calls {name}, {_outside(pure)}")
            elif pure and not is_pure(home[name]):
                yield Finding(source, 0, f"is pure and calls {name} of {home[name]}, which is not")
            elif not _may_link(room, home[name]):
                yield Finding(source, 0, f"{room} may not call {name} of {home[name]}")
        if pure:
            yield from _door_calls(tree, source)


def _outside(pure):
    if pure:
        return "but is pure: memory functions only"
    return "which goes past os/io.h; if it must be, name it with its reason in tools/tidy_checks/symbols.py"


def _allowed(allowed, source, name):
    return any(fnmatch.fnmatchcase(source, a.objects) and re.fullmatch(a.symbols, name) for a in allowed)


def _may_link(room, source):
    other = layers.room_of(source[4:]) if source.startswith("src/") else None
    return other == room or other in layers.TABLE.get(room, ())


def _door_calls(tree, source):
    for i, line in enumerate(tree.code(source).split("\n")):
        for m in DOOR_CALL.finditer(line):
            yield Finding(source, i + 1, f"is pure and calls {m.group(1)} of os")
