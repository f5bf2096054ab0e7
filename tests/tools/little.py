"""A made-up tree that every check passes: two rooms, a program and a test; plants change files of it."""
import hashlib
import json
import pathlib
import shutil
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

NUM_H = """/* base/num.h -- numbers that several rooms count with. */
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

/* num_add -- sum of both, which wraps. */
uint32_t num_add(uint32_t a, uint32_t b);

/* num_twice -- a and a. */
static inline uint32_t num_twice(uint32_t a)
{
    return num_add(a, a);
}

#endif
"""

NUM_C = """#include "base/num.h"

uint32_t num_add(uint32_t a, uint32_t b)
{
    return a + b;
}
"""

MARK_H = """/* base/mark.h -- names of rare paths. */
#ifndef BASE_MARK_H
#define BASE_MARK_H

/* MARK -- execution comes by here. */
#define MARK(name)

#endif
"""

RAFT_H = """/* raft/raft.h -- a core that only counts.
 *
 * Thread: any, pure
 */
#ifndef RAFT_RAFT_H
#define RAFT_RAFT_H

#include <stdint.h>

struct raft {
    uint32_t term;
    void (*told)(void *arg, uint32_t term);
};

/* raft_init, raft_done -- at term 0; forget it. */
void raft_init(struct raft *r);
void raft_done(struct raft *r);

/* raft_step -- one term more. */
void raft_step(struct raft *r);

/* raft_name -- static text. */
const char *raft_name(uint32_t i);

#endif
"""

RAFT_C = """#include "raft/impl.h"

#include "base/mark.h"
#include "base/num.h"

#include <string.h>

static const char *const names[] = { "follower", "leader" };

void raft_init(struct raft *r)
{
    memset(r, 0, sizeof *r);
}

void raft_done(struct raft *r)
{
    raft_init(r);
}

void raft_step(struct raft *r)
{
    if (r->term < 7) {
        r->term = num_add(r->term, 1);
    } else if (r->term == 7) {
        do {
            r->term = num_twice(r->term);
        } while (r->term == 0);
    } else {
        MARK("raft: a vote")
        raft_vote(r); /* while this is a comment, for nobody */
    }
}

const char *raft_name(uint32_t i)
{
    return names[i & 1];
}
"""

RAFT_IMPL_H = """/* raft/impl.h -- what the files of the core share; included from this room only. */
#ifndef RAFT_IMPL_H
#define RAFT_IMPL_H

#include "raft/raft.h"

/* ---- vote.c ---- */
void raft_vote(struct raft *r);

#endif
"""

VOTE_C = """#include "raft/impl.h"

void raft_vote(struct raft *r)
{
    r->term++;
}
"""

MAIN_C = """#include "raft/raft.h"

#include <stdio.h>
#include <stdlib.h>

static struct raft core;

int main(void)
{
    raft_init(&core);
    raft_step(&core);
    raft_done(&core);
    printf("%s %s\\n", raft_name(core.term), getenv("HOME") != NULL ? "home" : "");
    return 0;
}
"""

TEST_C = """#include "raft/impl.h"

#define EXPECT_MARK(name)

int main(void)
{
    struct raft r;
    raft_init(&r);
    raft_step(&r);
    EXPECT_MARK("raft: a vote");
    return r.term == 1 ? 0 : 1;
}
"""

DOC = """# Architecture

| module | what | may include |
| --- | --- | --- |
| base | numbers | – |
| os | the machine | base |
| actor | actors | base, os |
| raft | the core | base |
| store | files | base, os |
| kv | commands | base, store |
| net | bytes | base, os |
| node | a node | all above |
| api | HTTP | base, os, node (service.h only) |
| sim | a played machine | all but api, cmd, os/linux |
| cmd | programs | all but sim |

How: [README](../README.md#how). The core is `src/raft/raft.{h,c}`, `raft/raft.h` or `raft.c`.
"""

MESON = """project('little', 'c', default_options: ['werror=true'])
add_project_arguments('-Wvla', '-Wconversion', '-Wshadow', '-Wstrict-prototypes', '-Wmissing-prototypes')
files('src/base/num.c', 'src/raft/raft.c', 'src/raft/vote.c', 'src/cmd/little.c')
subdir('tests/unit/raft')
"""

FILES = {
    ".clang-format": (ROOT / ".clang-format").read_text(),
    "README.md": "# Little\n\n## How\n\nSee [the rooms](docs/ARCHITECTURE.md) and `tests/unit/raft/*.c`.\n",
    "docs/ARCHITECTURE.md": DOC,
    "meson.build": MESON,
    "tools/say": "#!/bin/sh\necho hello\n",
    "src/base/README.md": "# base\n\nPublic headers: `num.h`, `mark.h`. Exported prefixes: `num_`.\n\nSums: num.c.\n",
    "src/base/mark.h": MARK_H,
    "src/base/num.h": NUM_H,
    "src/base/num.c": NUM_C,
    "src/raft/README.md": "# raft\n\nPublic headers: `raft.h`.\nExported prefixes: `raft_`.\n\n"
                          "| file | what |\n| --- | --- |\n| raft.c, vote.c | steps |\n",
    "src/raft/raft.h": RAFT_H,
    "src/raft/raft.c": RAFT_C,
    "src/raft/impl.h": RAFT_IMPL_H,
    "src/raft/vote.c": VOTE_C,
    "src/cmd/README.md": "# cmd\n\nPublic headers: none. The program: lit*.c.\n",
    "src/cmd/little.c": MAIN_C,
    "tests/unit/raft/meson.build": "tests = ['vote']\n",
    "tests/unit/raft/test_vote.c": TEST_C,
}


class Little:
    """The tree on disk, in a folder of its own; objects of unchanged sources are kept between plants."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder) / "tree"
        self.kept = pathlib.Path(folder) / "objects"
        self.kept.mkdir()

    def write(self, edits=(), modes=()):
        """edits: path -> text, bytes, None (no such file), or a function of the old text."""
        files = dict(FILES)
        for path, edit in dict(edits).items():
            files[path] = edit(files[path]) if callable(edit) else edit
            if callable(edit) and files[path] == FILES[path]:
                raise AssertionError(f"the plant in {path} changes nothing")
        files = {path: text for path, text in files.items() if text is not None}
        shutil.rmtree(self.root, ignore_errors=True)
        for path, text in files.items():
            at = self.root / path
            at.parent.mkdir(parents=True, exist_ok=True)
            at.write_bytes(text if isinstance(text, bytes) else text.encode())
            at.chmod(dict(modes).get(path, 0o755 if path == "tools/say" else 0o644))
        return files

    def build(self, files, tests=("tests/unit/raft/test_vote.c",)):
        """Compile it, and say so as Meson does."""
        build = self.root / "build"
        (build / "meson-info").mkdir(parents=True)
        headers = "".join(text for path, text in sorted(files.items()) if path.endswith(".h"))
        rows = []
        for path in sorted(path for path in files if path.endswith(".c")):
            made = self._object(path, files[path], headers)
            rows.append({"directory": str(build), "file": "../" + path, "output": made})
        (build / "compile_commands.json").write_text(json.dumps(rows))
        program = str(build / "test_program")
        listed = [{"cmd": [program], "name": "raft/vote"}]
        (build / "meson-info" / "intro-tests.json").write_text(json.dumps(listed))
        sources = [str(self.root / path) for path in tests]
        targets = [{"filename": [program], "target_sources": [{"sources": sources}]}]
        (build / "meson-info" / "intro-targets.json").write_text(json.dumps(targets))

    def _object(self, path, text, headers):
        made = self.kept / (hashlib.sha256(f"{path}\0{text}\0{headers}".encode()).hexdigest() + ".o")
        if not made.exists():
            args = ["cc", "-std=c11", "-O2", "-fno-common", "-w", "-D_GNU_SOURCE", "-Isrc", "-c", path, "-o", str(made)]
            subprocess.run(args, cwd=self.root, check=True)
        return str(made)
