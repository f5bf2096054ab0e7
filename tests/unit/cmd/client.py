#!/usr/bin/python3
"""tests/unit/cmd/client.py -- what `aspen` asks of which endpoint, and what it makes of the answers.

Subject: the program `aspen`, src/cmd/cli*.c
Method:  endpoints on loopback that answer what the test wants and keep what they were sent; so a race between two
         operators, or a configuration that one endpoint does not know yet, is there whenever the test asks for it
Usage:   client.py PROGRAM
"""
import http.server
import json
import os
import socket
import subprocess
import sys
import threading

ENV = {k: v for k, v in os.environ.items() if not k.startswith("ASPEN_")}
NOBODY = "http://127.0.0.1:1"
_count = [0, 0]


def check(name, good, detail=""):
    _count[0] += 1
    print(f"{'ok' if good else 'not ok'} {_count[0]} - client: {name}", flush=True)
    if not good:
        _count[1] += 1
        print("# " + str(detail)[:2000].replace("\n", "\n# "), flush=True)


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((self.path, json.loads(body) if body else None))
        status, tree = self.server.answers.get(self.path, (404, {"error": "no such route", "code": "NO_ROUTE"}))
        if status is None:  # it dies with the request in its hands
            return
        text = json.dumps(tree).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer

    def log_message(self, *args):
        pass


class Endpoint(http.server.ThreadingHTTPServer):
    """Answers by path: (status, object); status None: the connection is cut."""

    def __init__(self, **answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = {"/" + path.replace("_", "-"): answer for path, answer in answers.items()}
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def sent(self, path):
        return [body for asked, body in self.asked if asked == path]


def aspen(endpoints, *args):
    urls = ",".join(e if isinstance(e, str) else e.url for e in endpoints)
    r = subprocess.run([sys.argv[1], "--endpoints", urls, "--timeout", "10", *args], env=ENV, capture_output=True,
                       timeout=40, check=False)
    return r.returncode, r.stdout.decode(), r.stderr.decode()


def said(index, voters, learners=()):
    """Of /raft-metrics, what a change is made of."""
    return 200, {"node_id": 1, "config_index": index, "members": list(voters), "learners": list(learners)}


def change(voters, index):
    """What promote and replace ask for: of whoever is on its way back after it lost its disk they say nothing."""
    return {"members": voters, "expect": index, "keep_rejoining": True}


def state(index, voters, learners=()):
    """The cluster, as the answer to a change."""
    nodes = [{"id": i, "addr": f"127.0.0.1:{8080 + i}", "raft_addr": None} for i in (*voters, *learners)]
    return 200, {"nodes": nodes, "members": list(voters), "learners": [n for n in nodes if n["id"] in learners],
                 "config_index": index}


def refusal(status, code, text):
    return status, {"error": text, "code": code}


def info(node_id):
    return 200, {"node_id": node_id, "endpoint_addr": {"id": "ab" * 32, "addrs": []}}


CHANGED = refusal(409, "CONF_CHANGED", "the configuration is not the one that was meant")
NO_LEADER = refusal(503, "NO_LEADER", "no leader is known here")


# ---- what is changed is what was seen ----

def expects():
    """Another operator may be faster: then the node has to refuse, so it is told what was seen."""
    one = Endpoint(raft_metrics=said(7, [1, 2, 3], [4, 5]), change_membership=state(8, [1, 2, 3, 4], [5]))
    rc, _, err = aspen([one], "cluster", "promote", "4")
    sent = one.sent("/change-membership")
    check("promotion is of the configuration that was seen",
          rc == 0 and sent == [change([1, 2, 3, 4], 7)], (rc, err, sent))
    one.answers["/change-membership"] = CHANGED
    rc, out, err = aspen([one], "cluster", "promote", "4")
    check("... and one that came too late is refused, once", rc == 1 and out == "" and "was meant" in err and
          len(one.sent("/change-membership")) == 2, (rc, out, err))
    new = Endpoint(node_info=info(6))
    one = Endpoint(raft_metrics=said(7, [1, 2, 3]), add_peer=(200, {}), add_learner=state(9, [1, 2, 3], [6]),
                   change_membership=state(10, [1, 3, 6]))
    rc, _, err = aspen([one], "cluster", "replace", "2", "6=" + new.url)
    sent = one.sent("/change-membership")
    check("replacement is of the configuration that its first half left",
          rc == 0 and sent == [change([1, 3, 6], 9)], (rc, err, sent))
    one.answers["/add-learner"] = state(9, [1, 3], [6])
    rc, _, err = aspen([one], "cluster", "replace", "2", "6=" + new.url)
    check("... and not made when another one has taken the voter away meanwhile",
          rc == 1 and "node 2 is no member" in err and len(one.sent("/change-membership")) == 1, (rc, err))


def newest():
    """A node that was removed stands first among the endpoints, and knows nothing of what came later."""
    old, new = said(4, [1, 2, 3], [5]), said(9, [1, 2, 4], [5])
    for name, answers in (("first", (old, new)), ("last", (new, old))):
        both = [Endpoint(raft_metrics=a, change_membership=state(10, [1, 2, 4, 5])) for a in answers]
        rc, _, err = aspen(both, "cluster", "promote", "5")
        sent = both[0].sent("/change-membership")
        check(f"with the older configuration {name}, the newer one is changed",
              rc == 0 and sent == [change([1, 2, 4, 5], 9)], (rc, err, sent))
    both = [Endpoint(raft_metrics=a) for a in (old, new)]
    rc, _, err = aspen(both, "cluster", "replace", "3", "6=127.0.0.1:1")
    check("who is no member in the newer one is not replaced", rc == 1 and "node 3 is no member" in err, (rc, err))
    rc, _, err = aspen(both, "cluster", "replace", "2", "2=127.0.0.1:1")
    check("nobody takes its own place", rc == 2 and "number of its own" in err and "remove" not in err, (rc, err))


# ---- who answers there ----

def leader_asked():
    """Where the leader was, a node of another cluster may answer by now, under the same number and in a later term."""
    told = {"node_id": 1, "state": "Leader", "current_leader": 1, "current_term": 6, "config_index": 9, "joint": False,
            "members": [1, 2, 77], "learners": [], "outgoing": [], "nodes": [], "last_log_index": 9,
            "replication": {"2": {"term": 6, "index": 4}}, "millis_since_contact": {"2": 12}}
    there = Endpoint()
    asked = dict(told, node_id=2, state="Follower", current_term=5, config_index=7, members=[1, 2], replication=None,
                 millis_since_contact=None, nodes=[{"id": 1, "addr": there.url.removeprefix("http://")}])
    one = Endpoint()
    ours, other, none = {"cluster": "ab" * 16}, {"cluster": "cd" * 16}, {"cluster": None}
    for name, follower, leader, believed in (("the same cluster: believed", ours, ours, True),
                                             ("another cluster: not believed", ours, other, False),
                                             ("a cluster, it says none: not believed", ours, none, False),
                                             ("no cluster, it says one: not believed", none, other, False),
                                             ("no cluster, nor does it: believed", none, none, True),
                                             ("nothing, as it does: believed", {}, {}, True)):
        one.answers["/raft-metrics"] = (200, dict(asked, **follower))
        there.answers["/raft-metrics"] = (200, dict(told, **leader))
        rc, out, err = aspen([one], "cluster", "status")
        view = "as node 1 sees them" in out and "not reached" not in out and "\n77 " in out
        own = "as node 2 sees them" in out and "node 1 leads" in out and "not reached" in out and "\n77 " not in out
        check(f"status: the leader, where a member says {name}", rc == 0 and (view if believed else own),
              (rc, out, err))


def introduced():
    """One wrong digit of an address, and another node would be added under this number."""
    other = Endpoint(node_info=info(5))
    host = other.url.removeprefix("http://")
    one = Endpoint(raft_metrics=said(7, [1, 2, 3]), add_peer=(200, {}), add_learner=state(8, [1, 2, 3], [4]))
    says = f"node 5 answers at {host}, not node 4: aspen cluster "
    for args, then in ((("add", "4=" + other.url), f"add 5={host}\n"),
                       (("replace", "2", "4=" + other.url), f"replace 2 5={host}\n")):
        rc, out, err = aspen([one], "cluster", *args)
        changed = one.sent("/add-peer") + one.sent("/add-learner")
        check(f"{args[0]}: the address of another node is refused with the command that was meant",
              rc == 1 and out == "" and err == "aspen: " + says + then and changed == [], (rc, out, err, changed))
    other.answers["/node-info"] = info(4)
    rc, _, err = aspen([one], "cluster", "add", "4=" + other.url)
    check("... and that of the node that was named is handed on", rc == 0 and one.sent("/add-peer") == [info(4)[1]] and
          one.sent("/add-learner") == [{"learner": {"id": 4, "addr": host}}], (rc, err, one.asked))
    other.answers["/node-info"] = (200, {"hello": "world"})
    rc, _, err = aspen([one], "cluster", "add", "4=" + other.url)
    check("... and what is no node is not introduced, and that is said", rc == 0 and
          len(one.sent("/add-peer")) == 1 and f"at {host} nobody answers as node 4 would" in err, (rc, err))


def moved():
    """A learner that is added again has moved; but a slip of the pen must not replace the address where it is."""
    there, here = Endpoint(node_info=info(4)), "127.0.0.1:8084"
    one = Endpoint(add_peer=(200, {}), add_learner=state(8, [1, 2, 3], [4]), change_membership=state(9, [1, 3, 4]),
                   raft_metrics=(200, dict(said(7, [1, 2, 3], [4])[1], nodes=[{"id": 4, "addr": here}])))
    for args in (("add", "4=127.0.0.1:1"), ("replace", "2", "4=127.0.0.1:1")):
        rc, out, err = aspen([one], "cluster", *args)
        check(f"{args[0]}: a learner is not moved to where nobody answers", rc == 1 and out == "" and
              err.startswith("aspen: node 4 is a learner already, and at 127.0.0.1:1 nobody answers as node 4 would (")
              and one.sent("/add-learner") == [], (rc, out, err))
    rc, _, err = aspen([one], "cluster", "add", "4=" + there.url)
    check("... but to where it answers", rc == 0 and err == "" and
          one.sent("/add-learner") == [{"learner": {"id": 4, "addr": there.url.removeprefix("http://")}}], (rc, err))
    there.server_close()
    one.answers["/raft-metrics"][1]["nodes"][0]["addr"] = "127.0.0.1:1"
    rc, _, err = aspen([one], "cluster", "add", "4=127.0.0.1:1")
    check("... and it may be named where it is, running or not", rc == 0 and len(one.sent("/add-learner")) == 2,
          (rc, err))


def addresses():
    """What no request could be sent to is no address of a node."""
    there = Endpoint(node_info=info(4))
    one = Endpoint(raft_metrics=said(7, [1, 2, 3]), add_peer=(200, {}), add_learner=state(8, [1, 2, 3], [4]),
                   init=state(1, [4]))
    bad = []
    host = there.url.removeprefix("http://")
    for addr in (host + "/x", host + "//", there.url + "/x", there.url + "/", "8084", "127.0.0.1", "a b:80", "[::1]",
                 "[::1]x:80", host + "x", host + "," + host, "a,b:1", ":80",
                 "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "https://" + host, "[::1:80"):
        for args in (("cluster", "add", "4=" + addr), ("cluster", "replace", "2", "4=" + addr), ("init", "4=" + addr)):
            rc, out, err = aspen([one], *args)
            if rc != 2 or out or err != f"aspen: {addr} is not HOST:PORT, as in 4=127.0.0.1:8084\n":
                bad.append((args, rc, out, err))
    check("what is no HOST:PORT is a usage error", not bad, bad)
    check("... and nobody is asked", one.asked == [] and there.asked == [], (one.asked, there.asked))
    for addr in (host, there.url):
        rc, _, err = aspen([one], "cluster", "add", "4=" + addr)
        check(f"{addr.replace(host, 'HOST:PORT')} is one", rc == 0 and err == "" and
              one.sent("/add-learner")[-1] == {"learner": {"id": 4, "addr": host}}, (rc, err))
    rc, _, err = aspen([one], "cluster", "add", "5=" + host)
    check("a slip leads to a node that is none yet", rc == 1 and err.endswith(f": aspen cluster add 4={host}\n"),
          (rc, err))
    one.answers["/raft-metrics"][1]["learners"] = [4]
    rc, _, err = aspen([one], "cluster", "add", "5=" + host)
    check("... and not to one that is a member", rc == 1 and
          err == f"aspen: node 4 answers at {host}, a member already, not node 5\n", (rc, err))
    rc, _, err = aspen([one.url + "/x"], "cluster", "remove", "4")
    check("... and an endpoint with a path is none", rc == 2 and "is not http://host:port" in err, (rc, err))


# ---- which of several answers is told ----

def told():
    """What a node says tells more than a connection that failed, wherever it stands."""
    sick, well = Endpoint(remove_member=NO_LEADER), Endpoint(remove_member=state(8, [1, 2]))
    gone = Endpoint(remove_member=(None, None))
    other = Endpoint(remove_member=refusal(503, "NO_LEADER", "start node 2"))
    args = ("cluster", "remove", "3")
    for name, endpoints in (("before", [sick, NOBODY, NOBODY]), ("behind", [NOBODY, sick]),
                            ("between", [NOBODY, sick, NOBODY])):
        rc, out, err = aspen(endpoints, *args)
        check(f"an answer {name} failed connections is told", rc == 1 and out == "" and
              err == f"aspen: {sick.url}: no leader is known here (503)\n", (rc, out, err))
    rc, _, err = aspen([sick, other, NOBODY], *args)
    check("of two answers the last", rc == 1 and err == f"aspen: {other.url}: start node 2 (503)\n", (rc, err))
    rc, _, err = aspen([NOBODY, NOBODY], *args)
    check("without an answer the connection", rc == 5 and err.startswith(f"aspen: {NOBODY}: "), (rc, err))
    rc, out, err = aspen([sick, NOBODY, well], *args)
    check("what was done at last is all that is told", rc == 0 and err == "" and "voter" in out, (rc, out, err))
    rc, _, err = aspen([sick, gone, well], *args)
    check("an outcome that is not known is told, and nobody else asked", rc == 4 and gone.url in err and
          len(well.sent("/remove-member")) == 1, (rc, err))


# ---- numbers of nodes ----

def numbers():
    """Ids go up to 2^63-1, as for --node-id; what is beyond must not become another one on its way."""
    one = Endpoint(raft_metrics=said(7, [1, 2, 3]))
    wrong = ("0", "-1", "+1", " 1", "1x", "", "9223372036854775808", "18446744073709551615", "18446744073709551618",
             "99999999999999999999999")
    bad = []
    for text in wrong:
        for args in (("cluster", "remove", text), ("cluster", "promote", text), ("cluster", "transfer", text),
                     ("cluster", "replace", text, "4=127.0.0.1:1"), ("cluster", "replace", "2", text + "=127.0.0.1:1"),
                     ("cluster", "add", text + "=127.0.0.1:1"), ("init", text + "=127.0.0.1:1")):
            rc, out, err = aspen([one], "--", *args)
            if rc != 2 or out or not err or (len(text) > 18 and "9223372036854775807" not in err):
                bad.append((args, rc, out, err))
    check("a number that is none is a usage error", not bad, bad)
    check("... and nobody is asked", one.asked == [], one.asked)
    one.answers["/remove-member"] = state(8, [1, 2, 3])
    rc, _, err = aspen([one], "cluster", "remove", "9223372036854775807")
    check("the largest is a number", rc == 0 and one.sent("/remove-member") == [{"id": 9223372036854775807}], err)


def main():
    socket.setdefaulttimeout(20)
    expects()
    newest()
    leader_asked()
    introduced()
    moved()
    addresses()
    told()
    numbers()
    print(f"1..{_count[0]}")
    sys.exit(1 if _count[1] else 0)


main()
