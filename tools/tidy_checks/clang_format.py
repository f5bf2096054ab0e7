"""format: every C file is as clang-format 14 would leave it."""
import concurrent.futures
import os
import re
import subprocess

from .tree import Finding

NAME = "format"
FILES_AT_A_TIME = 24
REMARK = re.compile(r"^(.+?):(\d+):\d+: (?:error|warning): .*clang-format", re.M)


def check(tree):
    files = tree.ending(".c", ".h")
    try:
        version = subprocess.run(["clang-format", "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout
    except FileNotFoundError:
        return [Finding(".clang-format", 0, "clang-format is missing: run tools/install-deps tidy")]
    if not re.search(r"version 14\.", version):
        return [Finding(".clang-format", 0, f"needs clang-format 14, this is {version.strip()}")]
    parts = [files[i:i + FILES_AT_A_TIME] for i in range(0, len(files), FILES_AT_A_TIME)]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        outputs = list(pool.map(lambda part: _run(tree, part), parts))
    found, seen = [], set()
    for m in (m for output in outputs for m in REMARK.finditer(output)):
        if m.group(1) not in seen:
            seen.add(m.group(1))
            found.append(Finding(m.group(1), int(m.group(2)), "is not formatted from here on: run make fmt"))
    return found


def _run(tree, part):
    args = ["clang-format", "--dry-run", *part]
    return subprocess.run(args, cwd=tree.root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True).stderr
