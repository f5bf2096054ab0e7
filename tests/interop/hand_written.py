"""hand_written: the scripts of tests/script over both drivers, but for those that only ours can pass."""
import subprocess

LIST = "tests/interop/ours-only.txt"


def excused(root):
    """Script -> why it does not run on etcd's library."""
    rows = {}
    for line in (root / LIST).read_text().splitlines():
        if line and not line.startswith("#"):
            name, _, why = line.partition(" ")
            rows[name] = why.strip()
    return rows


def _run(driver, path):
    done = subprocess.run([driver, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, done.stdout


def compare(root, ours, theirs):
    """How many differ without being excused, are excused without need, or excused and not there."""
    excuses, found = excused(root), 0
    scripts = sorted((root / "tests/script").glob("*/*.rs.txt"))
    for path in scripts:
        name = path.name.replace(".rs.txt", "")
        (mine, _), (other, told) = _run(ours, path), _run(theirs, path)
        excuse = excuses.pop(name, None)
        if excuse is None and mine != other:
            print(f"{name}: exit {mine} on ours, {other} on etcd's", *told.splitlines()[:3], sep="\n    ")
            found += 1
        elif excuse is not None and mine == other:
            print(f"{name}: runs on both, {LIST} says: {excuse}")
            found += 1
    for name in excuses:
        print(f"{name}: is in {LIST}, and nowhere else")
        found += 1
    print(f"interop: {len(scripts)} scripts, {len(excused(root))} of them for ours only: {found or 'none'} "
          f"differ{'' if found else 's'}")
    return found
