"""dead: files that nothing builds or includes, functions that nobody outside needs."""
import posixpath
import re

from . import c_text, objects, programs
from .tree import Finding

NAME = "dead"


def check(tree):
    yield from _sources(tree)
    yield from _headers(tree)
    yield from _functions(tree)


def _sources(tree):
    """A source is named in the meson.build of its folder or of one above; test_x.c may be named 'x'."""
    for path in tree.ending(".c"):
        folder, name = posixpath.split(path)
        names = {name[5:-2]} if name.startswith("test_") else set()
        above, found = folder, False
        while not found:
            build = posixpath.join(above, "meson.build")
            if build in tree.files:
                quoted = set(re.findall(r"'([^'\n]*)'", tree.text(build)))
                found = posixpath.relpath(path, above or ".") in quoted or (above == folder and bool(names & quoted))
            if not above:
                break
            above = posixpath.dirname(above)
        if not found:
            yield Finding(path, 0, "is named in no meson.build: it is not compiled")


def _headers(tree):
    included = set()
    for path in tree.ending(".c", ".h"):
        for _, name, own in c_text.includes(tree.text(path)):
            if own:
                included |= {"src/" + name, "tests/lib/" + name,
                             posixpath.normpath(posixpath.join(posixpath.dirname(path), name))}
    for path in tree.ending(".h"):
        if path not in included:
            yield Finding(path, 0, "is included by nobody")


def _functions(tree):
    built = objects.of(tree)
    home = built.home()
    users = {}
    for source, symbols in built.symbols().items():
        for name in symbols.undefined:
            users.setdefault(name, set()).add(source)
    declared = {}
    for path in tree.ending(".h", under="src/"):
        for d in c_text.declarations(tree.code(path)):
            made = d.name.startswith(("__start_", "__stop_"))  # the linker's names for a section
            if d.kind in ("function", "object") and d.name not in home and not made:
                yield Finding(path, d.first, f"{d.name} is declared but defined nowhere")
            elif d.kind == "inline" and not _named_elsewhere(tree, path, d.name):
                yield Finding(path, d.first, f"{d.name} is used nowhere: remove it")
            declared.setdefault(d.name, (path, d.first))
    for name, source in sorted(home.items()):
        called = name in programs.CALLED and programs.has(source)
        if source.startswith("src/") and not called and not users.get(name, set()) - {source}:
            path, line = declared.get(name, (source, 0))
            uses = len(re.findall(rf"\b{re.escape(name)}\b", tree.code(source)))
            what = "used in its own file only: make it static" if uses > 1 else "used nowhere: remove it"
            yield Finding(path, line, f"{name} is {what}")


def _named_elsewhere(tree, path, name):
    """Twice in its header (another inline function uses it), or anywhere else."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    if len(word.findall(tree.code(path))) > 1:
        return True
    return any(word.search(tree.code(other)) for other in tree.ending(".c", ".h") if other != path
               and name in tree.text(other))
