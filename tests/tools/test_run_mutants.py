#!/usr/bin/python3
"""tests/tools/test_run_mutants.py -- tools/run-mutants calls caught only what was caught.

Subject: tools/run-mutants.
Method:  a tree that only pretends: its programs end as the test says.
"""
import collections
import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from little import ROOT  # noqa: E402
from tap import Tap  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("run_mutants", str(ROOT / "tools" / "run-mutants"))
SPEC = importlib.util.spec_from_loader("run_mutants", LOADER)
RUN_MUTANTS = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(RUN_MUTANTS)

GOOD, HANGS = (0, "ok 1 - a\n"), (124, "")
BAD = (1, "not ok 1 - a\n")
FINDING = (1, "replay: aspen-sim --seed 7 --minutes 1\nfinding: two leaders\n")
SEEDS = 50
TOUCHED = ["src/raft/raft.c"]


class Pretended:
    """A tree with one unit test; ends: what programs end with, one after the other, the last one for good."""
    build = tree = pathlib.Path("/nowhere")
    files = {}
    tests = [{"name": "raft/t", "suite": ["aspen:unit"], "depends": ["t"], "cmd": ["t"], "timeout": 1}]

    def __init__(self, sim, test=(GOOD,), builds=True):
        self.ends = {"t": list(test), "sim": list(sim)}
        self.builds = builds
        self.files = {} if builds else {"t": "/nowhere/t"}
        RUN_MUTANTS.run = self.run

    def make(self, *_):
        return None if self.builds else "error"

    def run(self, args, *_):
        ends = self.ends["t" if args[0] == "t" else "sim"]
        return ends.pop(0) if len(ends) > 1 else ends[0]


def judged(*args, touched=TOUCHED, **more):
    """(who, seeds) of a mutant; who begins with "?" when nobody can say."""
    try:
        return RUN_MUTANTS.judge(Pretended(*args, **more), touched, SEEDS, 0, None)
    except RUN_MUTANTS.Unclear as e:
        return f"? {e}", None


def baseline(*args, **more):
    return RUN_MUTANTS.baseline(Pretended(*args, **more), SEEDS)


def shared_out(copies, patches):
    """What is said of each patch, in their order, and whether two were in one copy at once."""
    inside, crowded = collections.Counter(), []

    def try_patch(tree, patch, seeds, _):
        inside[tree] += 1
        crowded.extend([tree] if inside[tree] > 1 else [])
        time.sleep(0.001)  # the others' turn
        inside[tree] -= 1
        return "", seeds, patch.stem != "b"

    RUN_MUTANTS.try_patch = try_patch
    with contextlib.redirect_stdout(io.StringIO()) as said:
        judged = RUN_MUTANTS.try_patches(copies, [pathlib.Path(f"{name}.patch") for name in patches], SEEDS)
    return [caught for *_, caught in judged], said.getvalue().count("MISSED"), crowded


def first_asked(hint):
    """The test that is run first, of two that would catch it."""
    tree, asked = Pretended([GOOD]), []
    tree.tests = [{**Pretended.tests[0], "name": name, "cmd": ["t", name]} for name in ("raft/a", "kv/b")]
    RUN_MUTANTS.run = lambda args, *_: GOOD if args[0] != "t" else asked.append(args[1]) or BAD
    RUN_MUTANTS.judge(tree, TOUCHED, SEEDS, 0, hint)
    return asked[0]


def recorded(before, judged):
    """What is known afterwards of mutants a, b and c."""
    with tempfile.TemporaryDirectory() as name:
        RUN_MUTANTS.PATCHES = pathlib.Path(name)
        RUN_MUTANTS.RECORD = RUN_MUTANTS.PATCHES / "caught.txt"
        RUN_MUTANTS.RECORD.write_text(before)
        for patch in "abc":
            (RUN_MUTANTS.PATCHES / f"{patch}.patch").touch()
        RUN_MUTANTS.record([pathlib.Path(f"{patch}.patch") for patch in judged], list(judged.values()))
        return RUN_MUTANTS.recorded()


def main():
    tap = Tap()

    def case(name, said, good):
        tap.test(f"run-mutants: {name}", good(said), f"it said {said}")

    case("a finding catches a mutant, by its seed", judged([FINDING]), lambda s: s == ("7 seeds: two leaders", 7))
    case("a miss of the simulator counts with all seeds", judged([GOOD], [BAD]), lambda s: s == ("raft/t: a", SEEDS))
    case("... of one that survives, too", judged([GOOD]), lambda s: s == (None, SEEDS))
    case("the simulator is not asked about itself", judged([FINDING], [BAD], touched=["src/sim/judge_core.c"]),
         lambda s: s == ("raft/t: a", None))
    case("... but about what was broken with it", judged([FINDING], [BAD], touched=["src/sim/net.c", *TOUCHED]),
         lambda s: s == ("7 seeds: two leaders", 7))
    case("tests that do not build have caught nothing", judged([GOOD], builds=False), lambda s: s[0][0] == "?")
    case("a test that fails once and passes then, neither", judged([GOOD], [BAD, GOOD]), lambda s: s[0][0] == "?")
    case("many seeds that take too long, and none alone, neither", judged([HANGS, GOOD]), lambda s: s[0][0] == "?")
    case("a seed that hangs alone is caught", judged([HANGS]), lambda s: s == ("1 seed: hangs", 1))
    case("a test that hangs twice catches", judged([GOOD], [HANGS]), lambda s: s[0] == "raft/t: hangs")
    case("the room's tests come first", first_asked(None), lambda s: s == "raft/a")
    case("... but for the one that caught it before", first_asked("kv/b"), lambda s: s == "kv/b")
    case("... which may be gone", first_asked("kv/gone"), lambda s: s == "raft/a")
    case("who caught it is written down, where a test did", recorded("", {"a": ("raft/t: x", 50, True),
                                                                          "b": ("7 seeds: y", 7, True)}),
         lambda s: s == {"a": "raft/t"})
    case("... beside what is known, not of what is gone or was missed",
         recorded("a: old/t\nb: old/t\nc: old/t\nd: old/t\n", {"a": ("raft/t: x", None, True),
                                                               "b": ("SURVIVED", 50, False)}),
         lambda s: s == {"a": "raft/t", "c": "old/t"})
    case("a good tree may begin", baseline([GOOD]), lambda s: s is None)
    case("a tree with a finding may not", baseline([FINDING]), lambda s: s == "seed 7: two leaders")
    case("a tree whose test fails may not", baseline([GOOD], [BAD]), lambda s: s == "raft/t: a")
    case("a tree whose tests do not build may not", baseline([GOOD], builds=False), lambda s: "do not build" in s)
    case("patches are shared out, each copy has one at a time", shared_out("12", "abcdef"),
         lambda s: s == ([True, False, True, True, True, True], 1, []))
    return tap.done()


sys.exit(main())
