#!/usr/bin/python3
"""tests/tools/test_soak.py -- tools/soak tells its own end from a seed that hangs.

Subject: tools/soak.
Method:  the tool in a tree of its own, with a short minute and programs that only pretend.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from little import ROOT  # noqa: E402
from tap import Tap  # noqa: E402

MINUTE_S, HANG_S, LIMIT_S = "6", "2", 60
PROGRAMS = {  # what aspen-sim does, how often soak has a finding
    "ends when its time is over": ('[ "$1" = --for ] || exit 2; exit 0', 0),
    "hangs in a seed": ("exec sleep 600", 2),
    "has a finding": ("exit 1", 2),
    "is killed": ("kill -9 $$", 2),
}


def script(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def soak(folder, does):
    """(exit code, last line)"""
    tree = pathlib.Path(folder)
    script(tree / "tools/soak", "")
    (tree / "tools/soak").write_bytes((ROOT / "tools/soak").read_bytes())
    script(tree / "tools/marks-of-seeds", "exit 0")
    script(tree / "tests/system/chaos.sh", 'sleep "$1"')
    script(tree / "build/aspen-sim", does)
    env = dict(os.environ, SOAK_MINUTE_S=MINUTE_S, SOAK_HANG_S=HANG_S, BUILD=str(tree / "build"))
    ran = subprocess.run([tree / "tools/soak", "1"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                         text=True, timeout=LIMIT_S, check=False)
    return ran.returncode, ran.stdout.strip().splitlines()[-1]


def main():
    tap = Tap()
    for name, (does, findings) in PROGRAMS.items():
        with tempfile.TemporaryDirectory() as folder:
            code, last = soak(folder, does)
        tap.test(f"soak: a simulator that {name}: {findings} with findings",
                 code == (1 if findings else 0) and f"{findings} with findings" in last, f"exit {code}: {last}")
    return tap.done()


sys.exit(main())
