#!/usr/bin/python3
"""tests/system/client.py -- a well-behaved client: writes through one node, reads through the next.

usage: client.py SECONDS URL...    prints how many pairs it did and how long they took

Every operation must succeed, at the first attempt, within five seconds; what was written is what is read.
"""
import http.client
import json
import sys
import time


def ask(conn, path, body):
    begin = time.monotonic()
    conn.request("POST", path, json.dumps(body))
    reply = conn.getresponse()
    text = reply.read()
    return reply.status, text, time.monotonic() - begin


def main():
    end = time.monotonic() + float(sys.argv[1])
    conns = [http.client.HTTPConnection(u.replace("http://", ""), timeout=6) for u in sys.argv[2:]]
    took = []
    bad = 0
    n = 0
    while time.monotonic() < end:
        key, value = f"good-{n % 100}", f"value-{n}"
        try:
            status, text, t = ask(conns[n % len(conns)], "/write", {"command": {"Set": {"key": key, "value": value}}})
            took.append(t)
            if status != 200:
                print(f"write: {status} {text!r}")
                bad += 1
            status, text, t = ask(conns[(n + 1) % len(conns)], "/read", {"key": key})
            took.append(t)
            if status != 200 or json.loads(text)["value"] != value:
                print(f"read: {status} {text!r}")
                bad += 1
        except (OSError, http.client.HTTPException) as e:
            print(f"{type(e).__name__}: {e}")
            bad += 1
            for c in conns:
                c.close()
        n += 1
        time.sleep(0.001)
    took.sort()
    if took:
        print(f"{n} writes and reads, {bad} failed, p50 {took[len(took) // 2] * 1000:.1f} ms, "
              f"p99 {took[len(took) * 99 // 100] * 1000:.1f} ms, max {took[-1] * 1000:.1f} ms")
    return 1 if bad or n == 0 else 0


sys.exit(main())
