#!/usr/bin/python3
"""tests/system/historian.py -- clients that write down what they asked and what they were told.

usage: historian.py [--clients N] [--keys K] [--seed S] SECONDS FILE ADDR-FILE...
       historian.py --calm [--keys K] FILE ADDR-FILE...

Appends a history to FILE, JSON lines in the form of src/sim/history.h, for aspen-lincheck to judge. An ADDR-FILE is
the http.addr that a node writes into its directory; it is read again for each connection. SIGTERM ends it early.

What a reply says about the operation is what the interface says, and nothing more: of a write, 200 is done, 429, 503
and every 4xx are certainly not done, and all else that can happen after the first byte was sent is unknown. A read
has no effect, so without an answer it has failed; 404 is the answer that there is nothing.

What a good request is never answered, whatever becomes of nodes and links, is a finding: it is printed, and counts in
the exit code; so is a client that an exception ended. Of many findings the first ones are printed.

--calm is for a cluster without faults: on every node, each key is read and written once, and each must succeed.
The last line of output counts what was asked: "puts OK FAIL INFO gets OK FAIL". Exit 1: a finding, or, with --calm,
anything that failed.
"""
import argparse
import http.client
import json
import random
import signal
import sys
import threading
import time
import traceback

DEADLINES_S = (0.5, 1.5, 4.0, 7.0)  # the last one is beyond the deadline of the node itself
THINK_S = 0.06
STAY = 0.8  # how often a client asks the same node again
CALM_DEADLINE_S = 10.0
CALM_PROCESS = 1000000
# docs/HTTP.md: what can be said of a good request while nodes and links come and go. 500 is a fault of a node's own.
ANSWERS = {"put": (200, 502, 503), "get": (200, 404, 503)}
FINDINGS_PRINTED = 10


class History:
    """The lines, in the order of a clock that all share: stamped and written under one lock."""

    def __init__(self, path):
        self.out = open(path, "a", buffering=1)
        self.lock = threading.Lock()
        self.last = 0
        self.counts = {}
        self.findings = 0

    def add(self, process, event, op, key, **members):
        with self.lock:
            self.last = max(self.last + 1, time.monotonic_ns())
            line = {"t": self.last, "p": process, "e": event, "f": op, "k": key, **members}
            self.out.write(json.dumps(line) + "\n")
            self.counts[op, event] = self.counts.get((op, event), 0) + 1

    def find(self, text):
        with self.lock:
            self.findings += 1
            if self.findings <= FINDINGS_PRINTED:
                print(f"finding: {text}")

    def judge(self, op, key, status, reply):
        """An answer that nobody may get is a finding; None is no answer."""
        if status is not None and status not in ANSWERS[op]:
            self.find(f"{op} {key}: {status} {json.dumps(reply)}")

    def summary(self):
        puts = [str(self.counts.get(("put", e), 0)) for e in ("ok", "fail", "info")]
        gets = [str(self.counts.get(("get", e), 0)) for e in ("ok", "fail")]
        return f"puts {' '.join(puts)} gets {' '.join(gets)}"


class Connection:
    """To one node, kept alive; opened anew after anything went wrong."""

    def __init__(self, addr_file):
        self.addr_file = addr_file
        self.http = None

    def open(self, deadline):
        """False: nothing can have been sent."""
        if self.http is not None and self.http.sock is not None:
            self.http.sock.settimeout(deadline)
            return True
        try:
            with open(self.addr_file) as f:
                self.http = http.client.HTTPConnection(f.read().strip(), timeout=deadline)
            self.http.connect()
            return True
        except (OSError, ValueError, http.client.HTTPException):
            self.close()
            return False

    def ask(self, path, body):
        """Status and JSON; None: no whole answer came."""
        try:
            self.http.request("POST", path, json.dumps(body))
            reply = self.http.getresponse()
            return reply.status, json.loads(reply.read())
        except (OSError, ValueError, http.client.HTTPException):
            self.close()
            return None, None

    def close(self):
        if self.http is not None:
            self.http.close()
        self.http = None


def put(history, process, conn, deadline, key, value):
    history.add(process, "inv", "put", key, v=value)
    if not conn.open(deadline):
        history.add(process, "fail", "put", key)
        return False
    status, reply = conn.ask("/write", {"command": {"Set": {"key": key, "value": value}}})
    history.judge("put", key, status, reply)
    if status == 200:
        history.add(process, "ok", "put", key, rev=reply["revision"])
    elif status is not None and (status == 503 or 400 <= status < 500):
        history.add(process, "fail", "put", key)
    else:
        history.add(process, "info", "put", key)
    return status == 200


def get(history, process, conn, deadline, key):
    history.add(process, "inv", "get", key)
    if not conn.open(deadline):
        history.add(process, "fail", "get", key)
        return False
    status, reply = conn.ask("/read", {"key": key, "consistency": "linearizable"})
    history.judge("get", key, status, reply)
    if status == 200:
        history.add(process, "ok", "get", key, v=reply["value"], rev=reply["mod_revision"])
    elif status == 404:
        history.add(process, "ok", "get", key, v=None)
    else:
        history.add(process, "fail", "get", key)
    return status in (200, 404)


def client(history, process, args, stop):
    draw = random.Random(f"{args.seed}-{process}")
    conns = [Connection(f) for f in args.addr_files]
    at = draw.randrange(len(conns))
    serial = 0
    while not stop.is_set():
        key = f"k{draw.randrange(args.keys)}"
        deadline = draw.choice(DEADLINES_S)
        if draw.random() < 0.5:
            serial += 1
            done = put(history, process, conns[at], deadline, key, f"{process}-{serial}")
        else:
            done = get(history, process, conns[at], deadline, key)
        if not done or draw.random() > STAY:
            at = draw.randrange(len(conns))
        stop.wait(draw.uniform(0, 2 * THINK_S))


def watched(history, process, args, stop):
    """A client; what ends it early would otherwise be a line on standard error, and a history that lacks it."""
    try:
        client(history, process, args, stop)
    except Exception as e:  # whatever it is
        at = traceback.extract_tb(e.__traceback__)[-1]
        history.find(f"client {process} died: {e!r}, at line {at.lineno}: {at.line}")


def storm(history, args):
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    threads = [threading.Thread(target=watched, args=(history, p, args, stop)) for p in range(args.clients)]
    for t in threads:
        t.start()
    stop.wait(args.seconds)
    stop.set()
    for t in threads:
        t.join()
    return 1 if history.findings else 0


def calm(history, args):
    bad = 0
    for node, addr_file in enumerate(args.addr_files):
        conn = Connection(addr_file)
        for n in range(args.keys):
            key = f"k{n}"
            for name, done in (
                ("get", get(history, CALM_PROCESS, conn, CALM_DEADLINE_S, key)),
                ("put", put(history, CALM_PROCESS, conn, CALM_DEADLINE_S, key, f"calm-{node}-{n}")),
                ("get", get(history, CALM_PROCESS, conn, CALM_DEADLINE_S, key)),
            ):
                if not done:
                    print(f"{addr_file}: {name} {key} failed")
                    bad = 1
        conn.close()
    return 1 if bad or history.findings else 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--keys", type=int, default=5)
    parser.add_argument("--seed", default="0")
    parser.add_argument("--calm", action="store_true")
    parser.add_argument("rest", nargs="+")
    args = parser.parse_args()
    if not args.calm:
        args.seconds = float(args.rest.pop(0))
    history = History(args.rest[0])
    args.addr_files = args.rest[1:]
    code = calm(history, args) if args.calm else storm(history, args)
    print(history.summary())
    return code


sys.exit(main())
