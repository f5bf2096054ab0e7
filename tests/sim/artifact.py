#!/usr/bin/env python3
"""tests/sim/artifact.py FILE -- what an artifact says of its run: the line that replays it, and the hash of its story.

The line must follow from the fields under options, so that neither leaves out what the other has.
"""
import json
import sys


def line_of(options):
    words = ["aspen-sim", "--seed", str(options["seed"])]
    if options["nodes"] is not None:
        words += ["--nodes", str(options["nodes"])]
    words += ["--minutes", f"{options['ms'] / 60000:.6f}".rstrip("0").rstrip(".")]
    if options["without"]:
        words += ["--without", ",".join(options["without"])]
    if options["all_faults"]:
        words.append("--all-faults")
    if options["until"] is not None:
        words += ["--until", str(options["until"])]
    if options["quic"]:
        words.append("--quic")
    if options["twice"]:
        words.append("--twice")
    return " ".join(words)


with open(sys.argv[1], encoding="utf-8") as file:
    artifact = json.load(file)
if line_of(artifact["options"]) != artifact["replay"]:
    sys.exit(f"options say '{line_of(artifact['options'])}', replay says '{artifact['replay']}'")
print(artifact["replay"])
print(artifact["story"])
