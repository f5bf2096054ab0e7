#!/usr/bin/python3
"""tests/system/verify.py -- every acknowledged write is there, in every node.

usage: verify.py FILE URL...    FILE as written by writer.py; prints how many keys were checked

A key must hold, on every node alike, the acknowledged write with the highest revision, or one with a
higher revision still (a later write whose acknowledgement was lost).
"""
import http.client
import json
import sys


def main():
    newest = {}
    count = 0
    with open(sys.argv[1]) as f:
        for line in f:
            key, value, revision = line.split()
            count += 1
            if key not in newest or int(revision) > newest[key][1]:
                newest[key] = (value, int(revision))
    bad = 0
    for url in sys.argv[2:]:
        conn = http.client.HTTPConnection(url.replace("http://", ""), timeout=10)
        for key, (value, revision) in newest.items():
            conn.request("POST", "/read", json.dumps({"key": key, "consistency": "serializable"}))
            reply = conn.getresponse()
            got = json.loads(reply.read())
            if reply.status != 200:
                print(f"{url}: {key}: {got}")
                bad += 1
            elif got["mod_revision"] < revision or (got["mod_revision"] == revision and got["value"] != value):
                print(f"{url}: {key}: acknowledged {value} at {revision}, found {got}")
                bad += 1
    print(f"{count} acknowledged writes to {len(newest)} keys checked on {len(sys.argv) - 2} nodes, {bad} wrong")
    return 1 if bad or not count else 0


sys.exit(main())
