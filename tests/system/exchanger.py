#!/usr/bin/python3
"""exchanger.py URL FIRST COUNT -- machines that come and go: each is introduced, added as a learner, and removed.

Nobody answers for them, as for a machine that was given back. Any answer but 200 ends it with 1.
"""
import http.client
import json
import os
import sys


def requests(number):
    endpoint = {"id": os.urandom(32).hex(), "addrs": [{"Ip": "127.0.0.1:9"}]}
    yield "/add-peer", {"node_id": number, "endpoint_addr": endpoint}
    yield "/add-learner", {"learner": {"id": number, "addr": "127.0.0.1:9", "raft_addr": None}}
    yield "/remove-member", {"id": number}


def main():
    first, count = int(sys.argv[2]), int(sys.argv[3])
    conn = http.client.HTTPConnection(sys.argv[1].replace("http://", ""), timeout=15)
    for number in range(first, first + count):
        for path, body in requests(number):
            conn.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
            reply = conn.getresponse()
            text = reply.read()
            if reply.status != 200:
                sys.exit(f"{path} of node {number}: {reply.status} {text!r}")


main()
