"""What each check must catch: plants in the made-up tree, and what is said about them."""
from typing import NamedTuple

from little import DOC


class Plant(NamedTuple):
    check: str
    what: str  # sentence
    edits: dict  # path -> text, None, or a function of the old text
    path: str  # where it is found
    says: str
    modes: dict = {}
    tests: tuple = ("tests/unit/raft/test_vote.c",)


def put(old, new):
    return lambda text: text.replace(old, new, 1)


def add(text):
    return lambda old: old + text


def above(line, text):
    return put(line, text + line)


def row(old, new):
    return {"docs/ARCHITECTURE.md": put(old, new)}


RAFT, VOTE, RAFT_H, IMPL = "src/raft/raft.c", "src/raft/vote.c", "src/raft/raft.h", "src/raft/impl.h"
TEST = "tests/unit/raft/test_vote.c"
MARKED = 'void x(void)\n{\n    MARK("raft: a vote");\n}\n'
EXPECT = 'EXPECT_MARK("raft: a vote");'
STEP = "    r->term++;\n"
STORE = {
    "src/store/README.md": "# store\n\nPublic headers: none. Exported prefixes: `store_`.\n",
    "src/store/file.c": '#include <unistd.h>\nint store_pid(void)\n{\n    return getpid();\n}\n',
}
MEM = {
    "src/base/README.md": put("`num.h`", "`num.h`, `mem.h`"),
    "src/base/mem.h": "void *mem_take(void);\n",
    "src/base/mem.c": '#include <stdlib.h>\nvoid *mem_take(void)\n{\n    return malloc(1);\n}\n',
}
OS = {
    "src/os/README.md": "# os\n\nPublic headers: `io.h`. Exported prefixes: `os_`.\n",
    "src/os/io.h": "struct os {\n    long (*now)(void);\n};\nstatic inline long os_now(struct os *os)\n{\n"
                   "    return os->now();\n}\n",
}
SIM = {
    "src/sim/README.md": "# sim\n\nPublic headers: none. Exported prefixes: `sim_`.\n",
    "src/sim/run.c": '#include <stdio.h>\nvoid sim_run(void)\n{\n    printf("%d", getc(stdin));\n}\n',
}
LONG = "".join(f"    r->term += {i};\n" for i in range(70))
FIX, TO, XX, WAY = "FIX" "ME", "TO" "DO", "XX" "X", "HA" "CK"

PLANTS = (
    Plant("format", "a line that clang-format would change", {VOTE: put("r->term++", "r->term ++")}, VOTE, "make fmt"),
    Plant("format", "a header that clang-format would change", {RAFT_H: put("    uint32_t term", "  uint32_t term")},
          RAFT_H, "make fmt"),

    Plant("layers", "a room includes one that the table forbids", {"src/base/num.c": add('#include "raft/raft.h"\n')},
          "src/base/num.c", "base may not include raft"),
    Plant("layers", "a header that is not public is included from another room",
          {"src/cmd/little.c": put("raft/raft.h", "raft/impl.h")}, "src/cmd/little.c", "not among the public headers"),
    Plant("layers", "a test includes what is not public of another room",
          {"tests/unit/base/test_num.c": '#include "raft/impl.h"\n'}, "tests/unit/base/test_num.c", "not among"),
    Plant("layers", "a room without README", {"src/raft/README.md": None}, "src/raft/README.md", "is missing"),
    Plant("layers", "a README that names no public headers", {"src/raft/README.md": "# raft\n"},
          "src/raft/README.md", "has no line `Public headers"),
    Plant("layers", "a README that names a header which is gone", {"src/raft/README.md": put("`raft.h`", "`old.h`")},
          "src/raft/README.md", "names raft/old.h"),
    Plant("layers", "a folder that is no room", {"src/misc/a.c": "int a;\n"}, "src/misc/a.c",
          "not in the table of rooms"),
    Plant("layers", "an include beside the file", {VOTE: put("raft/impl.h", "impl.h")}, VOTE, "not a path from src/"),
    Plant("layers", "a header of ours in angle brackets", {VOTE: put('"raft/impl.h"', "<raft/impl.h>")}, VOTE,
          "is a header of ours"),
    Plant("layers", "the core includes what talks to the machine", {VOTE: add("#include <sys/socket.h>\n")}, VOTE,
          "raft is pure and may not include <sys/socket.h>"),
    Plant("layers", "the core includes what writes text", {IMPL: above("\n#endif", "\n#include <stdio.h>\n")}, IMPL,
          "may not include <stdio.h>"),
    Plant("layers", "the state machine includes a store of its own",
          {"src/kv/README.md": "# kv\n\nPublic headers: none.\n", "src/kv/kv.c": "#include <lmdb.h>\n"},
          "src/kv/kv.c", "kv is pure and may not include <lmdb.h>"),
    Plant("layers", "api sees more of node than its service",
          {"src/node/README.md": "# node\n\nPublic headers: `node.h`.\n", "src/node/node.h": "",
           "src/api/README.md": "# api\n\nPublic headers: none.\n", "src/api/a.c": '#include "node/node.h"\n'},
          "src/api/a.c", "only node/service.h"),
    Plant("layers", "os/linux is included by a room that is no program",
          dict(OS, **{"src/os/README.md": "# os\n\nPublic headers: `io.h`, `linux/linux.h`.\n",
                      "src/os/linux/linux.h": "", RAFT: add('#include "os/linux/linux.h"\n')}),
          RAFT, "raft may not include os/linux"),
    Plant("layers", "the page allows a room too much", row("| raft | the core | base |",
                                                           "| raft | the core | base, os |"),
          "docs/ARCHITECTURE.md", "raft: the table and"),
    Plant("layers", "the page lacks a room", row("| kv | commands | base, store |\n", ""), "docs/ARCHITECTURE.md",
          "lacks kv"),
    Plant("layers", "the page lets cmd include the simulator", row("| all but sim |", "| all above |"),
          "docs/ARCHITECTURE.md", "cmd: the table and"),
    Plant("layers", "the page forgets that api sees the service only", row(" (service.h only)", ""),
          "docs/ARCHITECTURE.md", "must say (service.h only)"),

    Plant("symbols", "the core asks for the time", {RAFT: put("r->term < 7", "time(NULL) < 7")}, RAFT,
          "calls time, but is pure"),
    Plant("symbols", "the core allocates", {VOTE: put(STEP, "    r->told = malloc(r->term);\n")}, VOTE, "calls malloc"),
    Plant("symbols", "the core takes memory from an account", dict(MEM,
                                                                   **{VOTE: put(STEP, "    r->told = mem_take();\n")}),
          VOTE, "is pure and calls mem_take of src/base/mem.c"),
    Plant("symbols", "a codec asks os for the time",
          dict(OS, **{"src/net/README.md": "# net\n\nPublic headers: none. Exported prefixes: `frames_`.\n",
                      "src/net/frames.c": '#include "os/io.h"\n\nlong frames_age(struct os *os)\n{\n'
                                          '    return os_now(os);\n}\n'}),
          "src/net/frames.c", "is pure and calls os_now of os"),
    Plant("symbols", "a room goes to the machine past os", STORE, "src/store/file.c",
          "calls getpid, which goes past os/io.h"),
    Plant("symbols", "a part of the played machine that prints", {**SIM, "src/sim/net.c": SIM["src/sim/run.c"]},
          "src/sim/net.c", "calls printf"),
    Plant("symbols", "a room calls upwards without an include",
          {"src/base/num.c": put("return a + b", "raft_vote(0);\n    return a + b")}, "src/base/num.c",
          "base may not call raft_vote"),

    Plant("prefixes", "an exported function without its room's prefix", {VOTE: add("\nvoid vote(void)\n{\n}\n")}, VOTE,
          "exports vote, which begins with none of raft_"),
    Plant("prefixes", "an exported constant without its room's prefix", {VOTE: add("\nconst int limit = 3;\n")}, VOTE,
          "exports limit"),
    Plant("prefixes", "a prefix that the README does not name", {"src/base/README.md": put("`num_`", "`number_`")},
          "src/base/num.c", "exports num_add"),

    Plant("statics", "a counter in a file", {VOTE: put(STEP,
                                                       "    static int calls;\n    r->term += (uint32_t)calls++;\n")},
          VOTE, "calls is mutable"),
    Plant("statics", "a table that could be constant",
          {VOTE: put(STEP, "    static int table[] = { 1, 2 };\n    r->term += (uint32_t)table[r->term & 1]++;\n")},
          VOTE, "table is mutable"),
    Plant("statics", "a global", {VOTE: add("\nint raft_debug;\n")}, VOTE, "raft_debug is mutable"),
    Plant("statics", "a variable of a thread", {VOTE: add("\n_Thread_local int raft_last;\n")}, VOTE,
          "raft_last is mutable"),

    Plant("lengths", "a function of 73 lines", {VOTE: put(STEP, LONG)}, VOTE, "raft_vote has 73 lines"),
    Plant("lengths", "a file of 900 lines", {VOTE: add("\n" * 900)}, VOTE, "the most is 800"),
    Plant("lengths", "a line of C with 101 columns", {VOTE: add("/* " + "x" * 98 + "\n */\n")}, VOTE,
          "has 101 columns, the most is 100"),
    Plant("lengths", "a line of Go with 101 columns", {"tests/interop/x.go": "// " + "x" * 98 + "\n"},
          "tests/interop/x.go", "has 101 columns, the most is 100"),
    Plant("lengths", "a line of prose with 121 columns", {"README.md": add("é" * 121 + "\n")}, "README.md",
          "has 121 columns, the most is 120"),
    Plant("lengths", "a script with a long line", {"tools/say": add("#" * 130 + "\n")}, "tools/say", "has 130 columns"),
    Plant("lengths", "a room's page of 130 lines", {"src/raft/README.md": add("a\n" * 130)}, "src/raft/README.md",
          "the most is 120"),

    *(Plant("braces", f"{name} without braces", {VOTE: put(STEP, text)}, VOTE, f"the body of {name}")
      for name, text in (("if", "    if (r->term > (1))\n        r->term++;\n"),
                         ("else", "    if (r->term > 1) {\n        r->term--;\n    } else\n        r->term++;\n"),
                         ("for", "    for (int i = 0; i < 3; i++)\n        r->term++;\n"),
                         ("while", "    while (r->term < 3)\n        r->term++;\n"),
                         ("do", "    do\n        r->term++;\n    while (r->term < 3);\n"))),
    Plant("braces", "if without braces in a macro", {IMPL: above("\n#endif", "\n#define BUMP(r) \\\n    if (r) \\\n"
                                                                 "        (r)->term++\n")}, IMPL, "the body of if"),

    Plant("cards", "a header without its card", {IMPL: put("/* raft/impl.h -- what the files of the core share; "
                                                          "included from this room only. */\n", "")}, IMPL,
          "must begin with"),
    Plant("cards", "a card that names another file", {RAFT_H: put("/* raft/raft.h", "/* raft/core.h")}, RAFT_H,
          "speaks of raft/core.h"),
    Plant("cards", "a public function without a card", {RAFT_H: put("/* raft_step -- one term more. */\n", "")}, RAFT_H,
          "raft_step has no card"),
    Plant("cards", "a second function below another's card", {RAFT_H: put("raft_init, raft_done --", "raft_init --")},
          RAFT_H, "does not name it"),
    Plant("cards", "an inline function without a card", {"src/base/num.h": put("/* num_twice -- a and a. */\n", "")},
          "src/base/num.h", "num_twice has no card"),
    Plant("cards", "a card that says nothing", {RAFT_H: put("raft_step -- one term more. */", "raft_step -- */")},
          RAFT_H,
          "says nothing"),
    Plant("cards", "a card apart from its function", {RAFT_H: put("one term more. */\n", "one term more. */\n\n")},
          RAFT_H,
          "raft_step has no card"),
    Plant("cards", "an internal call under no heading", {IMPL: put("/* ---- vote.c ---- */\n", "")}, IMPL,
          "raft_vote has no card"),
    Plant("cards", "a heading does not excuse a public header", {RAFT_H: put("/* raft_step -- one term more. */",
                                                                           "/* ---- steps ---- */")}, RAFT_H,
          "raft_step has"),

    Plant("leftovers", "the end of a comment alone on its line",
          {RAFT_H: put("one term more. */", "one term more.\n * */")}, RAFT_H, "alone on its line"),
    Plant("leftovers", "work that was left over", {VOTE: put(STEP, f"    r->term++; /* {FIX} */\n")}, VOTE, FIX),
    Plant("leftovers", "a mark in a script", {"tools/say": add(f"# {XX} later\n")}, "tools/say", XX),
    Plant("leftovers", "a plan without a decision", {VOTE: put(STEP, f"    r->term++; /* {TO}: twice */\n")}, VOTE, TO),
    Plant("leftovers", "a mark in small letters", {VOTE: put(STEP, f"    r->term++; /* {FIX.lower()} */\n")}, VOTE,
          FIX.lower()),
    Plant("leftovers", "a plan in small letters", {"tools/say": add(f"# {TO.lower()} say more\n")}, "tools/say",
          "name its decision"),
    Plant("leftovers", "a plan for a tool that reads comments",
          {VOTE: put(STEP, f"    r->term++; /** @{TO.lower()} */\n")}, VOTE, TO.lower()),
    Plant("leftovers", "a way around", {VOTE: put(STEP, f"    r->term++; /* {WAY}: twice */\n")}, VOTE, WAY),
    Plant("leftovers", "a string call without a bound",
          {"src/cmd/little.c": put("raft_init(", "strcpy(0, 0);\n    raft_init(")},
          "src/cmd/little.c", "strcpy is banned here: use memcpy"),
    Plant("leftovers", "memory beside the accounts", {VOTE: put(STEP, "    r->told = malloc(1);\n")}, VOTE,
          "mem_alloc"),
    Plant("leftovers", "the environment read by a room", {VOTE: put(STEP, '    getenv("HOME");\n')}, VOTE,
          "config_source"),
    Plant("leftovers", "a test that sleeps", {"tests/unit/raft/test_vote.c": put("return", "sleep(1);\n    return")},
          "tests/unit/raft/test_vote.c", "a wait for a state"),
    Plant("leftovers", "a compiler flag taken away", {"meson.build": put("'-Wvla', ", "")}, "meson.build",
          "lacks -Wvla"),

    Plant("dead", "a source that is not compiled", {"meson.build": put("'src/raft/vote.c', ", "")}, VOTE,
          "named in no meson.build"),
    Plant("dead", "a test that is not compiled", {"tests/unit/raft/meson.build": "tests = []\n"},
          "tests/unit/raft/test_vote.c", "named in no meson.build"),
    Plant("dead", "a header that nobody includes", {"src/raft/old.h": ""}, "src/raft/old.h", "included by nobody"),
    Plant("dead", "a function that is declared only", {IMPL: put("void raft_vote",
                                                                 "void raft_gone(void);\nvoid raft_vote")},
          IMPL, "raft_gone is declared but defined nowhere"),
    Plant("dead", "a constant that is declared only", {IMPL: put("void raft_vote",
                                                                 "extern const int raft_x;\nvoid raft_vote")},
          IMPL, "raft_x is declared but defined nowhere"),
    Plant("dead", "a function that nobody calls", {VOTE: add("\nvoid raft_idle(void)\n{\n}\n")}, VOTE,
          "raft_idle is used nowhere"),
    Plant("dead", "a function for its own file", {VOTE: add("\nvoid raft_own(void)\n{\n}\n\nvoid raft_use(void)\n{\n"
                                                            "    raft_own();\n}\n")}, VOTE,
          "raft_own is used in its own file"),
    Plant("dead", "an inline function that nobody calls", {RAFT: put("num_twice(r->term)", "r->term * 2")},
          "src/base/num.h", "num_twice is used nowhere"),

    Plant("files", "a conflict marker", {"README.md": add("<" * 7 + " HEAD\n")}, "README.md", "conflict marker"),
    Plant("files", "the end of a conflict", {VOTE: add(">" * 7 + " other\n")}, VOTE, "conflict marker"),
    Plant("files", "a place of one machine", {"README.md": add("see /" "work/main\n")}, "README.md",
          "a place of one machine"),
    Plant("files", "somebody's home", {"tools/say": add("cd /" "home/me/src\n")}, "tools/say",
          "a place of one machine"),
    Plant("files", "white space at the end", {VOTE: put("r->term++;", "r->term++; ")}, VOTE, "white space"),
    Plant("files", "no line end at the end", {"README.md": add("the end")}, "README.md", "without a line end"),
    Plant("files", "an empty line at the end", {"README.md": add("\n")}, "README.md", "an empty line"),
    Plant("files", "a tab in C", {VOTE: put("    r->term++", "\tr->term++")}, VOTE, "holds a tab"),
    Plant("files", "CR LF", {"README.md": put("\n", "\r\n")}, "README.md", "CR LF"),
    Plant("files", "bytes that are not UTF-8", {"README.md": b"caf\xe9\n"}, "README.md", "not UTF-8"),
    Plant("files", "a kind that is not in the tree", {"docs/plan.docx": "x\n"}, "docs/plan.docx", "is of a kind"),
    Plant("files", "a blob", {"docs/log.txt": "x\n" * 200000}, "docs/log.txt", "has 400000 bytes"),
    Plant("files", "a page that is executable", {}, "README.md", "no script", {"README.md": 0o755}),
    Plant("files", "a script that is not executable", {}, "tools/say", "not executable", {"tools/say": 0o644}),

    Plant("registered", "a unit test that Meson does not know", {}, "tests/unit/raft/test_vote.c", "is not registered",
          tests=()),
    Plant("registered", "a script of the tests that nothing runs", {"tests/system/lost.sh": "#!/bin/sh\n"},
          "tests/system/lost.sh", "is run by no test", {"tests/system/lost.sh": 0o755}),

    Plant("marks", "a mark that no test vouches for", {TEST: put(EXPECT, "")}, RAFT, "no test vouches"),
    Plant("marks", "a name that two marks have", {VOTE: add(MARKED)}, VOTE, "stands in src/raft/raft.c too"),
    Plant("marks", "two tests that vouch for one mark", {"tests/unit/base/test_num.c": f"{EXPECT}\n"}, TEST,
          "vouches for the mark"),
    Plant("marks", "a test that vouches for nothing", {TEST: add('EXPECT_MARK("raft: a dream");\n')}, TEST,
          "there is no mark"),
    Plant("marks", "a script that vouches for nothing", {"tests/script/raft/a.rs.txt": "# mark: raft: a dream\n"},
          "tests/script/raft/a.rs.txt", "there is no mark"),
    Plant("marks", "a mark under another room's name", {RAFT: add('void x(void)\n{\n    MARK("kv: a");\n}\n')}, RAFT,
          'is named "raft: what happens" here'),
    Plant("marks", "a mark whose name is no text", {RAFT: add("void x(void)\n{\n    MARK(name);\n}\n")}, RAFT,
          "a constant text"),

    Plant("docs", "a source file that its room's page does not name",
          {"src/raft/README.md": put("raft.c, vote.c", "raft.c")}, "src/raft/README.md", "does not name vote.c"),
    Plant("docs", "a source file below a room that its page does not name",
          {**OS, "src/os/linux/now.c": "int x;\n"}, "src/os/README.md", "does not name now.c"),
    Plant("docs", "a link to nowhere", {"README.md": add("[gone](docs/GONE.md)\n")}, "README.md",
          "links to docs/GONE.md"),
    Plant("docs", "a link to a heading that is gone", row("README.md#how", "README.md#why"), "docs/ARCHITECTURE.md",
          "no such heading"),
    Plant("docs", "a path that is gone", {"README.md": add("see `src/raft/old.c`\n")}, "README.md", "src/raft/old.c"),
    Plant("docs", "a set of paths of which one is gone", row("raft.{h,c}", "raft.{h,cc}"), "docs/ARCHITECTURE.md",
          "src/raft/raft.cc"),
    Plant("docs", "a pattern that matches nothing", {"README.md": put("raft/*.c", "raft/*.cc")}, "README.md", "*.cc"),
    Plant("docs", "a file of a room that is gone", row("`raft/raft.h`", "`raft/log.h`"), "docs/ARCHITECTURE.md",
          "raft/log.h"),
    Plant("docs", "a file name that is gone", row("`raft.c`", "`core.c`"), "docs/ARCHITECTURE.md", "core.c"),
    Plant("docs", "a comment that cites a page which is gone",
          {VOTE: put(STEP, "    r->term++; /* see docs/LOG.md */\n")},
          VOTE, "docs/LOG.md"),
)

# What looks like a violation and is none: the check that might cry, and the edits.
INNOCENT = (
    ("lengths", "a table of a page may be wide", {"README.md": add("| " + "x" * 200 + " |\n")}),
    ("leftovers", "a plan that names its decision", {VOTE: put(STEP, f"    r->term++; /* {TO}(0001): twice */\n")}),
    ("leftovers", "digits and words that look like marks", {VOTE: put(STEP, "    x" "xx(r); /* hacked todos */\n")}),
    ("layers", "the core includes what does nothing", {VOTE: add("#include <stdint.h>\n#include <string.h>\n")}),
    ("leftovers", "a member that is called like a banned call", {VOTE: put(STEP, "    r->free(r);\n    x.time(r);\n")}),
    ("leftovers", "a banned call in a comment or a text", {VOTE: put(STEP, '    puts_("time(0)"); /* malloc(1) */\n')}),
    ("braces", "a loop of our own in a macro", {IMPL: above("\n#endif",
                                                            "\n#define EACH(i, n) for (int i = 0; i < (n); i++)\n")}),
    ("braces", "conditions of the preprocessor", {VOTE: add("#if defined(A)\n#else\n#endif\n")}),
    ("cards", "a heading that says where the cards are",
     {RAFT_H: put("/* raft_step -- one term more. */", "/* ---- rows; their cards are in raft/impl.h ---- */")}),
    ("cards", "MUST_CHECK between card and function", {RAFT_H: put("void raft_step", "MUST_CHECK\nvoid raft_step")}),
    ("docs", "a path in a block of commands", {"README.md": add("```sh\ncat `src/none/x.c`\n```\n")}),
    ("symbols", "a program's file in a room of libraries", SIM),
    ("leftovers", "a program's file that prints", SIM),
    ("prefixes", "a program's main", {"src/sim/aspen-sim.c": "int main(void)\n{\n    return 0;\n}\n"}),
    ("prefixes", "what a library calls by name", {"src/sim/chance.c": "int gnutls_rnd(void)\n{\n    return 0;\n}\n"}),
    ("statics", "a static that the program has", {"src/cmd/little.c": put("static struct", "struct")}),
    ("marks", "a mark with a condition, and one in a comment",
     {RAFT: add('/* MARK("raft: b") */\nvoid x(void)\n{\n    MARK_IF(f(1, "b") == 0, "raft: c");\n}\n'),
      "tests/script/raft/a.rs.txt": "# mark: raft: c\n"}),
    ("layers", "the page written in other words",
     {"docs/ARCHITECTURE.md": DOC.replace("| all above |", "| base, os, actor, "
                                                                                       "raft, store, kv, net |")}),
)
