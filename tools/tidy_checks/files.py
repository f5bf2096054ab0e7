"""files: kinds, sizes, modes, line ends, and what must not be in any of them."""
import os
import re

from .tree import Finding

NAME = "files"
BYTES_MAX = 256 * 1024
ENDINGS = (".c", ".h", ".go", ".py", ".sh", ".md", ".build", ".toml", ".txt", ".patch")
NAMES = ("LICENSE", "Makefile", ".gitignore", ".gitattributes", ".editorconfig", ".clang-format",
         ".git-blame-ignore-revs", "meson_options.txt")
CONFLICT = re.compile(r"^(<{7}|>{7}|\|{7})( |$)")
MACHINE_PATH = re.compile(r"(?<![\w.$}*])/(?:work|root|home/\w+)/")


def check(tree):
    for path in tree.files:
        raw, name = tree.raw(path), os.path.basename(path)
        if not name.endswith(ENDINGS) and name not in NAMES and not raw.startswith(b"#!"):
            yield Finding(path, 0, "is of a kind that is not in the tree (tools/tidy_checks/files.py)")
        if len(raw) > BYTES_MAX:
            yield Finding(path, 0, f"has {len(raw)} bytes, the most is {BYTES_MAX}")
        yield from _mode(tree, path, raw)
        yield from _text(tree, path, raw)


def _mode(tree, path, raw):
    executable, script = os.access(tree.root / path, os.X_OK), raw.startswith(b"#!")
    if executable and not script:
        yield Finding(path, 0, "is executable but no script: chmod -x")
    elif script and not executable:
        yield Finding(path, 1, "is a script but not executable: chmod +x")


def _text(tree, path, raw):
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        yield Finding(path, 0, "is not UTF-8")
        return
    if raw and not raw.endswith(b"\n"):
        yield Finding(path, len(tree.lines(path)), "ends without a line end")
    elif raw.endswith(b"\n\n"):
        yield Finding(path, len(tree.lines(path)) - 1, "ends with an empty line")
    for i, line in enumerate(tree.lines(path)):
        for what in _line(line, path.endswith((".c", ".h"))):
            yield Finding(path, i + 1, what)


def _line(line, is_c):
    if line.endswith("\r"):
        yield "ends with CR LF"
    elif line != line.rstrip():
        yield "ends with white space"
    if is_c and "\t" in line:
        yield "holds a tab: indent by four spaces"
    if CONFLICT.match(line):
        yield "holds a conflict marker"
    m = MACHINE_PATH.search(line)
    if m:
        yield f"names a place of one machine: {m.group()}"
