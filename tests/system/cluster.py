"""tests/system/cluster.py -- real nodes on loopback for the tests in Python: start, ask, pause, end.

Every node has its own directory; ports are chosen by the system. Only processes started here are ended, by
pid, and they are ended however the test ends. Waiting is for a state, with a bound.
"""
import atexit
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
WORK = pathlib.Path(tempfile.mkdtemp(prefix="aspen-"))
COOKIE = f"cookie-{os.getpid()}"
QUICK = ["--heartbeat-interval-ms", "100", "--election-timeout-min-ms", "1000", "--election-timeout-max-ms", "1500"]
ENV = {k: v for k, v in os.environ.items() if not k.startswith("ASPEN_") and k != "NOTIFY_SOCKET"}
_started = []
_count = [0, 0]


@atexit.register
def _end_all():
    for p in _started:
        if p.poll() is None:
            p.kill()
            p.wait()
    shutil.rmtree(WORK, ignore_errors=True)


def check(area, name, good, detail=""):
    """One TAP line; the detail is shown when it is not so."""
    _count[0] += 1
    print(f"{'ok' if good else 'not ok'} {_count[0]} - {area}: {name}", flush=True)
    if not good:
        _count[1] += 1
        print("# " + str(detail)[:2000].replace("\n", "\n# "), flush=True)


def done():
    print(f"1..{_count[0]}")
    sys.exit(1 if _count[1] else 0)


def wait_for(seconds, fn):
    """Until fn() is true; its value, or None when the bound is reached."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = fn()
        if value:
            return value
        time.sleep(0.02)
    return None


def spawn(args, **kw):
    p = subprocess.Popen([str(a) for a in args], **{"env": ENV, "cwd": WORK, **kw})
    _started.append(p)
    return p


def run(args, env=None, timeout=20):
    """A program that ends by itself: (exit code, stdout, stderr)."""
    r = subprocess.run([str(a) for a in args], env={**ENV, **(env or {})}, cwd=WORK, capture_output=True,
                       timeout=timeout)
    return r.returncode, r.stdout.decode(errors="replace"), r.stderr.decode(errors="replace")


class Node:
    def __init__(self, node_id, *flags, start=True):
        self.id = node_id
        self.flags = list(flags)
        self.dir = WORK / f"node-{node_id}"
        self.log = WORK / f"node-{node_id}.log"
        self.process = None
        if start:
            self.start()

    def start(self, *more, env=None):
        (self.dir / "http.addr").unlink(missing_ok=True)
        with open(self.log, "a") as log:
            self.process = spawn(
                [BUILD / "aspen-node", "--node-id", self.id, "--data-dir", self.dir, "--cookie", COOKIE, "--http-addr",
                 "127.0.0.1:0", "--bind", "127.0.0.1:0", "--port", 0, *QUICK, *self.flags, *more],
                stderr=log, stdout=log, env={**ENV, **(env or {})})
        if not wait_for(15, self.answers):
            sys.exit(f"node {self.id} does not answer:\n{self.log.read_text()[-2000:]}")

    @property
    def addr(self):
        return (self.dir / "http.addr").read_text().strip()

    @property
    def url(self):
        return "http://" + self.addr

    def answers(self):
        try:
            return self.ask("/leader", timeout=2)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def ask(self, path, body=None, timeout=15):
        """(status, reply or text, headers); an object as body is sent as JSON by POST."""
        conn = http.client.HTTPConnection(self.addr, timeout=timeout)
        try:
            text = body if body is None or isinstance(body, (str, bytes)) else json.dumps(body)
            conn.request("GET" if body is None else "POST", path, text)
            reply = conn.getresponse()
            data = reply.read()
            try:
                return reply.status, json.loads(data), dict(reply.getheaders())
            except ValueError:
                return reply.status, data.decode(errors="replace"), dict(reply.getheaders())
        finally:
            conn.close()

    def write(self, key, value, timeout=15):
        return self.ask("/write", {"command": {"Set": {"key": key, "value": value}}}, timeout)

    def read(self, key, timeout=15, **more):
        return self.ask("/read", {"key": key, **more}, timeout)

    def metrics(self, what="/iroh-metrics"):
        """Series of a page as a dictionary: name without labels to the sum of its values."""
        out = {}
        for line in self.ask(what)[1].splitlines():
            if line and not line.startswith("#"):
                name, value = line.rsplit(" ", 1)
                name = name.split("{")[0]
                out[name] = out.get(name, 0) + float(value)
        return out

    def signal(self, number):
        self.process.send_signal(number)

    def pause(self):
        self.signal(signal.SIGSTOP)

    def go_on(self):
        self.signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=10):
        """SIGTERM; (exit code or None, seconds it took)."""
        begin = time.monotonic()
        self.signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds), time.monotonic() - begin
        except subprocess.TimeoutExpired:
            return None, time.monotonic() - begin

    def rss_kib(self):
        for line in open(f"/proc/{self.process.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0


def introduce(nodes):
    for a in nodes:
        for b in nodes:
            if a is not b:
                a.ask("/add-peer", b.ask("/node-info")[1])


def init(nodes):
    introduce(nodes)
    members = [{"id": n.id, "addr": n.addr} for n in nodes]
    return nodes[0].ask("/init", {"initial_members": members})


def leader_of(nodes):
    """The node that all of them name as the leader, or None."""
    try:
        ids = {n.ask("/leader", timeout=2)[1].get("leader") for n in nodes}
    except (OSError, http.client.HTTPException):
        return None
    found = ids.pop() if len(ids) == 1 else None
    return next((n for n in nodes if n.id == found), None)
