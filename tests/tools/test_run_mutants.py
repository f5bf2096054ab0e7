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
        return RUN_MUTANTS.judge(Pretended(*args, **more), touched, SEEDS, 0)
    except RUN_MUTANTS.Unclear as e:
        return f"? {e}", None


def baseline(*args, **more):
    return RUN_MUTANTS.baseline(Pretended(*args, **more), SEEDS)


def shared_out(copies, patches):
    """What is said of each patch, in their order, and whether two were in one copy at once."""
    inside, crowded = collections.Counter(), []

    def try_patch(tree, patch, seeds):
        inside[tree] += 1
        crowded.extend([tree] if inside[tree] > 1 else [])
        time.sleep(0.001)  # the others' turn
        inside[tree] -= 1
        return "", seeds, patch.stem != "b"

    RUN_MUTANTS.try_patch = try_patch
    with contextlib.redirect_stdout(io.StringIO()) as said:
        judged = RUN_MUTANTS.try_patches(copies, [pathlib.Path(f"{name}.patch") for name in patches], SEEDS)
    return [caught for _, caught in judged], said.getvalue().count("MISSED"), crowded


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
    case("a good tree may begin", baseline([GOOD]), lambda s: s is None)
    case("a tree with a finding may not", baseline([FINDING]), lambda s: s == "seed 7: two leaders")
    case("a tree whose test fails may not", baseline([GOOD], [BAD]), lambda s: s == "raft/t: a")
    case("a tree whose tests do not build may not", baseline([GOOD], builds=False), lambda s: "do not build" in s)
    case("patches are shared out, each copy has one at a time", shared_out("12", "abcdef"),
         lambda s: s == ([True, False, True, True, True, True], 1, []))
    return tap.done()


sys.exit(main())
