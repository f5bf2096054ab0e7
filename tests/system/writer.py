#!/usr/bin/python3
"""tests/system/writer.py -- clients that write and remember what was acknowledged.

usage: writer.py SECONDS CLIENTS FILE URL...    appends "key value revision" lines of acknowledged writes to FILE;
                                                prints the longest time without any of them;
                                                values are longer by VALUE_BYTES of the environment

Each client has keys of its own and goes round the nodes when one does not answer. A write whose
outcome is unknown is tried again with the same value, so the last acknowledged value of a key is what
every node must hold, or a later one that was tried.
"""
import http.client
import json
import os
import sys
import threading
import time


PAD = "-" + "x" * int(os.environ["VALUE_BYTES"]) if "VALUE_BYTES" in os.environ else ""


class Pause:
    """The longest time between two acknowledgements, whoever got them."""

    def __init__(self):
        self.last = None
        self.longest = 0.0

    def note(self):
        now = time.monotonic()
        if self.last is not None:
            self.longest = max(self.longest, now - self.last)
        self.last = now


def client(number, end, urls, out, lock, run, pause):
    at = number % len(urls)
    conn = None
    sequence = 0
    while time.monotonic() < end:
        key = f"c{number}-{sequence % 50}"
        value = f"{run}-{number}-{sequence}" + PAD
        body = json.dumps({"command": {"Set": {"key": key, "value": value}}})
        try:
            if conn is None:
                conn = http.client.HTTPConnection(urls[at], timeout=6)
            conn.request("POST", "/write", body)
            reply = conn.getresponse()
            text = reply.read()
            if reply.status == 200:
                revision = json.loads(text)["revision"]
                with lock:
                    out.write(f"{key} {value} {revision}\n")
                    pause.note()
                sequence += 1
            else:
                time.sleep(0.02)
                at = (at + 1) % len(urls)
                conn.close()
                conn = None
                sequence += 1  # its outcome may be unknown: never reuse the value
        except OSError:
            if conn:
                conn.close()
            conn = None
            at = (at + 1) % len(urls)
            sequence += 1
            time.sleep(0.02)
        except http.client.HTTPException:
            conn = None
            at = (at + 1) % len(urls)
            sequence += 1


def main():
    seconds, clients, path = float(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    urls = [u.replace("http://", "") for u in sys.argv[4:]]
    lock = threading.Lock()
    end = time.monotonic() + seconds
    run = time.time_ns()
    pause = Pause()
    with open(path, "a") as out:
        threads = [threading.Thread(target=client, args=(i, end, urls, out, lock, run, pause)) for i in range(clients)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    print(f"pause {round(pause.longest * 1000)} ms")


main()
