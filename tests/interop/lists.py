#!/usr/bin/python3
"""tests/interop/lists.py -- every script has run over etcd's library as it is now, or has a reason not to.

Without Go it can only be asked whether somebody has: what `make interop` found alike is in common.txt, with checksums.
"""
import sys

sys.dont_write_bytecode = True
import hand_written  # noqa: E402

HOW = f"`make interop COUNT=0` sorts it; else a reason in {hand_written.EXCUSED}"


def findings(now, common, excused):
    """All three by name: checksums of what is there, of what ran on both, reasons of what does not."""
    for name, found in now.items():
        if name in common and name in excused:
            yield f"{name}: is in {hand_written.COMMON} and in {hand_written.EXCUSED}"
        elif name not in common and name not in excused:
            yield f"{name}: has not run over etcd's library; {HOW}"
        elif name in common and common[name] != found:
            yield f"{name}: has changed since it ran over etcd's library; {HOW}"
    yield from (f"{name}: is listed, and not there" for name in sorted((common.keys() | excused.keys()) - now.keys()))


def planted():
    """What is found where one thing is wrong, one at a time; and that a comment is none."""
    now, common, excused = {"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "2"}, {"c": "why"}
    yield "nothing wrong", not list(findings(now, common, excused))
    for what, args in (("has not run", (now | {"d": "4"}, common, excused)),
                       ("has changed", (now | {"a": "5"}, common, excused)),
                       ("a: is in", (now, common, excused | {"a": "why"})),
                       ("not there", (now, common | {"e": "6"}, excused)),
                       ("not there", (now, common, excused | {"e": "why"}))):
        yield what, [what in line for line in findings(*args)] == [True]
    yield "a comment", hand_written.checksum("run 1 # so\n\n# and\n") == hand_written.checksum("  run 1\n")
    yield "a number", hand_written.checksum("run 1\n") != hand_written.checksum("run 2\n")


def main():
    wrong = list(findings(hand_written.checksums(), hand_written.common(), hand_written.excused()))
    print(*(f"# {line}" for line in wrong), sep="\n", end="\n" if wrong else "")
    print(f"{'not ' if wrong else ''}ok 1 - interop: every script has run over etcd's library, or has a reason")
    bad = [what for what, good in planted() if not good]
    print(*(f"# not so: {what}" for what in bad), sep="\n", end="\n" if bad else "")
    print(f"{'not ' if bad else ''}ok 2 - interop: what is new, changed, gone or listed twice is found\n1..2")
    return 1 if wrong or bad else 0


sys.exit(main())
