#!/usr/bin/python3
"""tests/tools/test_run_tests.py -- tools/run-tests counts what really ran.

Subject: tools/run-tests.
Method:  outputs of programs as text; then the whole tool with a ninja and a meson of our own, which only pretend.
"""
import importlib.machinery
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from little import ROOT  # noqa: E402
from tap import Tap  # noqa: E402

LOADER = importlib.machinery.SourceFileLoader("run_tests", str(ROOT / "tools" / "run-tests"))
SPEC = importlib.util.spec_from_loader("run_tests", LOADER)
RUN_TESTS = importlib.util.module_from_spec(SPEC)
LOADER.exec_module(RUN_TESTS)

# what it is, meson's result, what the program printed, the counts
PROGRAMS = (
    ("each line counts", "OK", "1..3\nok 1 - a\nok 2 - b\nok 3\n", (3, 0, 0)),
    ("a failed line counts as failed", "FAIL", "ok 1 - a\nnot ok 2 - b\n", (1, 1, 0)),
    ("a skipped line is not passed", "OK", "ok 1 - a\nok 2 - b # SKIP no git\n", (1, 0, 1)),
    ("a skip in small letters is one, too", "OK", "ok 1 - a # skip: no room\nok 2 # Skipped\n", (0, 0, 2)),
    ("a line that failed stays failed, whatever it says", "FAIL", "not ok 1 - a # SKIP\n", (0, 1, 0)),
    ("a name that speaks of skipping is no skip", "OK", "ok 1 - voters skip learners\n", (1, 0, 0)),
    ("words inside of a line are no results", "OK", "# not ok 1\n  ok 1\nokay\nok 1 - a\n", (1, 0, 0)),
    ("a program that dies after its lines has failed", "FAIL", "ok 1 - a\n", (1, 1, 0)),
    ("a program without TAP counts by its end", "OK", "hello\n", (1, 0, 0)),
    ("... when it fails, too", "TIMEOUT", "", (0, 1, 0)),
    ("a program that meson skipped is skipped", "SKIP", "", (0, 0, 1)),
    ("... and counts by its lines where it has them", "SKIP", "ok 1 - a # SKIP\nok 2 - b # SKIP\n", (0, 0, 2)),
)

NINJA = """#!/bin/sh
case "$*" in *build-clang*) exit 1;; esac
"""
MESON = """#!/bin/sh
[ "$1" = test ] || exit 0
cat >"$3/meson-logs/testlog.json" <<'END'
LOG
END
"""
LOG = "\n".join(json.dumps({"name": "t", "result": "OK", "stdout": text})
                for text in ("ok 1 - a\nok 2 - b # SKIP\n", "ok 1 - c\n"))


def last_line(folder, *args):
    """Of the tool in a tree whose second build fails."""
    tools = pathlib.Path(folder) / "tools"
    tools.mkdir()
    tool = tools / "run-tests"
    tool.write_bytes((ROOT / "tools" / "run-tests").read_bytes())
    shutil.copytree(ROOT / "tools" / "tidy_checks", tools / "tidy_checks")
    for name, text in (("ninja", NINJA), ("meson", MESON.replace("LOG", LOG))):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    for build in ("build", "build-clang", "build-asan"):
        (tools.parent / build / "meson-logs").mkdir(parents=True)
        (tools.parent / build / "build.ninja").write_text("")
    env = dict(os.environ, PATH=f"{tools}:{os.environ['PATH']}")
    out = subprocess.run([sys.executable, str(tool), *args], env=env, stdout=subprocess.PIPE, text=True, check=False)
    return out.stdout.splitlines()[-1], out.returncode


def main():
    tap = Tap()
    for what, result, text, expected in PROGRAMS:
        count = RUN_TESTS.count_test(result, text)
        tap.test(f"run-tests: {what}", tuple(count) == expected, f"{count}")
    tap.test("run-tests: the line has skips where there are any",
             str(RUN_TESTS.Count(3, 1, 2)) == "3 passed, 1 failed, 2 skipped"
             and str(RUN_TESTS.Count(3, 0, 0)) == "3 passed, 0 failed")
    for args, what, expected in (((), "a build that fails does not undo what passed before",
                                  ("2 passed, 1 failed, 1 skipped", 1)),
                                 (("--quick",), "the last line counts what ran",
                                  ("2 passed, 0 failed, 1 skipped", 0))):
        with tempfile.TemporaryDirectory(prefix="aspen-run-tests-") as folder:
            seen = last_line(folder, *args)
            tap.test(f"run-tests: {what}", seen == expected, seen)
    return tap.done()


sys.exit(main())
