"""hand_written: the scripts of tests/script over both drivers, but for those that only ours can pass."""
import pathlib
import subprocess
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
EXCUSED, COMMON = "tests/interop/ours-only.txt", "tests/interop/common.txt"
COMMON_HEAD = """\
# Scripts that end alike on both drivers, and etcd's driver: a checksum of each as it was then, without comments.
# Written by `make interop` when none differs; lists.py compares it in `make test`, where nobody has Go.

"""
DRIVER = "etcd's-driver"  # no name of a script


def _rows(root, name):
    rows = {}
    for line in (root / name).read_text().splitlines():
        if line and not line.startswith("#"):
            key, _, rest = line.partition(" ")
            rows[key] = rest.strip()
    return rows


def excused(root=ROOT):
    """Script -> why it does not run on etcd's library."""
    return _rows(root, EXCUSED)


def common(root=ROOT):
    """Script -> checksum, when it last ran on both; of etcd's driver, too."""
    return _rows(root, COMMON)


def _paths(root):
    return sorted((root / "tests/script").glob("*/*.rs.txt"))


def _name(path):
    return path.name.removesuffix(".rs.txt")


def checksum(text):
    """Of what a script says: its words, not its comments."""
    lines = (" ".join(line.split("#")[0].split()) for line in text.splitlines())
    return f"{zlib.crc32(chr(10).join(line for line in lines if line).encode()):08x}"


def checksums(root=ROOT):
    """As common, of what is there now."""
    sums = {_name(path): checksum(path.read_text()) for path in _paths(root)}
    driver = b"".join(path.read_bytes() for path in sorted((root / "tests/interop/etcd").glob("*.go")))
    return sums | {DRIVER: f"{zlib.crc32(driver):08x}"}


def _run(driver, path):
    done = subprocess.run([driver, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def _keep(root, excuses):
    text = COMMON_HEAD + "".join(f"{name} {found}\n" for name, found in sorted(checksums(root).items())
                                 if name not in excuses)
    if (root / COMMON).read_text() != text:
        (root / COMMON).write_text(text)
        print(f"interop: {COMMON} is written anew; it belongs to what has changed")


def compare(root, ours, theirs):
    """How many differ without being excused, are excused without need, or excused and not there."""
    excuses, found = excused(root), 0
    scripts = _paths(root)
    for path in scripts:
        name = _name(path)
        (mine, _), (other, told) = _run(ours, path), _run(theirs, path)
        excuse = excuses.pop(name, None)
        if excuse is None and mine != other:
            print(f"{name}: exit {mine} on ours, {other} on etcd's", *told.splitlines()[:3], sep="\n    ")
            found += 1
        elif excuse is not None and mine == other:
            print(f"{name}: runs on both, {EXCUSED} says: {excuse}")
            found += 1
    for name in excuses:
        print(f"{name}: is in {EXCUSED}, and nowhere else")
        found += 1
    print(f"interop: {len(scripts)} scripts, {len(excused(root))} of them for ours only: {found or 'none'} "
          f"differ{'' if found else 's'}")
    if not found:
        _keep(root, excused(root))
    return found
