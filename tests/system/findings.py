#!/usr/bin/python3
"""tests/system/findings.py -- the clients of chaos tell of answers that no client may get.

Subject: historian.py.
Method:  a server that answers every request in one way, and what the clients say of it.
"""
import http.server
import json
import pathlib
import subprocess
import sys
import tempfile
import threading

HISTORIAN = pathlib.Path(__file__).with_name("historian.py")
RUN_S, LIMIT_S = "0.5", 60
WRITTEN, READ = (200, {"revision": 1}), (404, {"code": "NOT_FOUND"})
CASES = (  # name; answer to a write, to a read; exit code, what is said
    ("answers that are promised are none", WRITTEN, READ, 0, "puts "),
    ("no leader is none", (503, {"code": "NO_LEADER"}), (503, {"code": "NO_LEADER"}), 0, "puts "),
    ("a read that is answered 500", WRITTEN, (500, {"code": "INTERNAL"}), 1, "finding: get "),
    ("a write that is answered 500", (500, {"code": "IO"}), READ, 1, "finding: put "),
    ("a write without its revision", (200, {}), READ, 1, "died: KeyError('revision')"),
)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        status, reply = self.server.replies[self.path]
        text = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def said(write, read):
    """(exit code, all that it said) of clients that are answered so."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.replies = {"/write": write, "/read": read}
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        addr = pathlib.Path(folder, "http.addr")
        addr.write_text(f"127.0.0.1:{server.server_port}")
        ran = subprocess.run([HISTORIAN, RUN_S, f"{folder}/history", addr], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=LIMIT_S, check=False)
    server.shutdown()
    server.server_close()
    return ran.returncode, ran.stdout


def main():
    failed = 0
    for n, (name, write, read, code, text) in enumerate(CASES, 1):
        ended, output = said(write, read)
        good = ended == code and text in output and ("finding" in output) == bool(code)
        failed += not good
        print(f"{'ok' if good else 'not ok'} {n} - findings: {name}")
        if not good:
            print(f"# exit {ended}: {output}")
    print(f"1..{len(CASES)}")
    return 1 if failed else 0


sys.exit(main())
