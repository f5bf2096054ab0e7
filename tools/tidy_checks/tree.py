"""The tree that is checked: its files, their text, and the findings about them."""
import os
import pathlib
import subprocess
from typing import NamedTuple

from . import c_text

SKIPPED_FOLDERS = (".git", "__pycache__", "data")
NEW_SOURCES = ("src/*", "tests/*", "tools/*", "bench/*", "docs/*")


class Finding(NamedTuple):
    path: str  # from the root
    line: int  # from 1; 0: the whole file
    text: str  # what is wrong, and where it helps what to do instead

    def __str__(self):
        return f"{self.path}:{self.line}: {self.text}" if self.line else f"{self.path}: {self.text}"


class Tree:
    def __init__(self, root, build=None):
        self.root = pathlib.Path(root).resolve()
        self.build = pathlib.Path(build).resolve() if build else self.root / "build"
        self.files = tuple(sorted(self._tracked() or self._walked()))
        self._kept = {}

    def _tracked(self):
        """What git knows, and new files beside the sources; nothing when this is not the top of a checkout."""
        if not (self.root / ".git").exists():
            return []
        names = set()
        for which in (["--cached"], ["--others", "--exclude-standard", *NEW_SOURCES]):
            args = ["git", "-C", str(self.root), "ls-files", "-z", *which]
            try:
                out = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout
            except (OSError, subprocess.CalledProcessError):
                return []
            names |= {os.fsdecode(name) for name in out.split(b"\0") if name}
        return [name for name in names if (self.root / name).is_file()]

    def _walked(self):
        found = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = [f for f in folders if f not in SKIPPED_FOLDERS and not f.startswith("build")]
            found += [os.path.relpath(os.path.join(folder, name), self.root) for name in names]
        return [name for name in found if (self.root / name).is_file()]

    def raw(self, path):
        return self._keep("raw", path, lambda: (self.root / path).read_bytes())

    def text(self, path):
        return self._keep("text", path, lambda: self.raw(path).decode("utf-8", "replace"))

    def lines(self, path):
        return self._keep("lines", path, lambda: self.text(path).split("\n"))

    def code(self, path):
        """A C file with comments and literals blanked; lines and columns stay where they are."""
        return self._keep("code", path, lambda: c_text.blank(self.text(path)))

    def _keep(self, kind, path, make):
        if (kind, path) not in self._kept:
            self._kept[kind, path] = make()
        return self._kept[kind, path]

    def ending(self, *endings, under=""):
        return [path for path in self.files if path.endswith(endings) and path.startswith(under)]

    def scripts(self):
        return [path for path in self.files if self.raw(path).startswith(b"#!")]

    def rooms(self):
        """Names of the folders of src/."""
        return sorted({path.split("/")[1] for path in self.files if path.startswith("src/") and path.count("/") > 1})

    def cached(self, key, make):
        """Something that several checks need once."""
        return self._keep("cached", key, make)
