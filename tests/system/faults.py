#!/usr/bin/python3
"""tests/system/faults.py -- what clients are told while nodes die, hang and lie: every answer within its
deadline, 200 for what is there for good, 503 for what was certainly not done, 502 for what nobody knows.

Every write has a key of its own, so that in the end each answer can be held against the store.
"""
import collections
import threading

from cluster import (BUILD, COOKIE, Node, check, done, http, init, json, leader_of, run, spawn, subprocess, time,
                     wait_for)

DEADLINE = 5.0  # of an operation, and what a busy machine may add
GRACE = 1.5
VALUE = "v" * 200
STRANGER = BUILD / "tests/system/stranger"


class Load:
    """Closed-loop writers; every answer is kept."""

    def __init__(self, area, nodes, threads=64):
        self.area = area
        self.answers = []
        self.lock = threading.Lock()
        self.stop = threading.Event()
        self.addrs = [n.addr for n in nodes]
        self.threads = [threading.Thread(target=self.writer, args=(i,)) for i in range(threads)]
        for t in self.threads:
            t.start()

    def writer(self, i):
        conn = http.client.HTTPConnection(self.addrs[i % len(self.addrs)], timeout=30)
        for k in range(1000000):
            if self.stop.is_set():
                return
            key = f"{self.area}-{i}-{k}"
            begin = time.monotonic()
            try:
                conn.request("POST", "/write", json.dumps({"command": {"Set": {"key": key, "value": VALUE}}}))
                reply = conn.getresponse()
                body = json.loads(reply.read())
                status = reply.status
                good = status == 200 or (body.get("error") and body.get("code"))
            except (OSError, ValueError, http.client.HTTPException) as e:
                status, good = repr(e), False
                conn.close()
            with self.lock:
                self.answers.append((key, status, good, time.monotonic() - begin))

    def end(self):
        self.stop.set()
        for t in self.threads:
            t.join()
        return self.answers

    def done(self):
        with self.lock:
            return sum(1 for a in self.answers if a[1] == 200)


def present(node, key):
    """Whether the key is there, once the node answers again."""
    status = wait_for(20, lambda: (node.read(key)[0] in (200, 404) and node.read(key)[0]))
    return {200: True, 404: False}.get(status)


def judge(load, node):
    """Hold every answer against what is in the store now."""
    answers = load.end()
    area = load.area
    statuses = collections.Counter(a[1] for a in answers)
    print(f"# {area}: {dict(statuses)}, slowest {max(a[3] for a in answers):.1f} s", flush=True)
    check("faults", f"{area}: every answer is 200, 502 or 503", all(a[1] in (200, 502, 503) and a[2] for a in answers),
          statuses)
    check("faults", f"{area}: none comes after its deadline", all(a[3] < DEADLINE + GRACE for a in answers),
          sorted(a[3] for a in answers)[-5:])
    conn = http.client.HTTPConnection(node.addr, timeout=15)
    wrong = []
    acked = [a for a in answers if a[1] == 200]
    for key, status, _, _ in acked[:: max(1, len(acked) // 1000)] + acked[-300:]:
        conn.request("POST", "/read", json.dumps({"key": key}))
        reply = conn.getresponse()
        reply.read()
        if reply.status != 200:
            wrong.append((key, status, reply.status))
    check("faults", f"{area}: what was acknowledged is there", not wrong, wrong[:5])
    wrong = [a[0] for a in answers if a[1] == 503 and present(node, a[0]) is not False]
    check("faults", f"{area}: what was refused is not there", not wrong, wrong[:5])
    return statuses


def settled(nodes):
    return wait_for(20, lambda: leader_of(nodes))


def others(nodes, node):
    return [n for n in nodes if n is not node]


def leader_dies(nodes):
    leader = settled(nodes)
    rest = others(nodes, leader)
    load = Load("kill", rest)
    wait_for(10, lambda: load.done() > 500)
    leader.kill()
    wait_for(10, lambda: leader_of(rest))
    before = load.done()
    wait_for(10, lambda: load.done() > before + 500)
    check("faults", "kill: writes go on under another leader", load.done() > before + 500)
    old = leader.addr
    leader.start()  # its HTTP port is chosen anew; peers find it by its key
    check("faults", "kill: the node comes back, on another HTTP port", leader.addr != old and settled(nodes))
    load.stop.set()
    return load


def leader_hangs(nodes):
    leader = settled(nodes)
    rest = others(nodes, leader)
    load = Load("pause", rest)
    wait_for(10, lambda: load.done() > 500)
    leader.pause()
    wait_for(10, lambda: (leader_of(rest) or leader) is not leader)
    before = load.done()
    wait_for(10, lambda: load.done() > before + 4000)
    check("faults", "pause: writes go on under another leader", load.done() > before + 4000)
    check("faults", "pause: a peer that reads nothing costs bounded memory", max(n.rss_kib() for n in rest) < 120000,
          [n.rss_kib() for n in rest])
    leader.go_on()
    back = settled(nodes)
    check("faults", "pause: the old leader follows", back is not None and back is not leader)
    load.stop.set()
    return load


def no_quorum(nodes):
    leader = settled(nodes)
    rest = others(nodes, leader)
    load = Load("alone", [leader], threads=16)
    wait_for(10, lambda: load.done() > 100)
    for n in rest:
        n.pause()
    time_of_read = time.monotonic()
    status, body, headers = leader.read("kill-0-0")
    check("faults", "alone: a linearizable read is 503, soon", status == 503 and "Retry-After" in headers and
          time.monotonic() - time_of_read < DEADLINE + GRACE, (status, body))
    wait_for(15, lambda: any(a[1] == 503 for a in load.answers[:]))
    for n in rest:
        n.go_on()
    settled(nodes)
    load.stop.set()
    return load


def at(node):
    e = node.ask("/node-info")[1]["endpoint_addr"]
    return e["addrs"][0]["Ip"], e["id"]


def alive(nodes):
    return all(n.process.poll() is None for n in nodes)


def strangers(nodes):
    leader = settled(nodes)
    before = leader.metrics()["aspen_transport_refused_cookie_total"]
    rc, out, _ = run([STRANGER, *at(leader), "another", "rude", 1, 1])
    after = leader.metrics()["aspen_transport_refused_cookie_total"]
    check("faults", "a stranger without the cookie is not let in, and counted", rc == 1 and after > before, out)
    check("faults", "... and told in the log", "proof of the cookie" in leader.log.read_text())
    term = leader.ask("/raft-metrics")[1]["current_term"]
    last = leader.ask("/raft-metrics")[1]["last_log_index"]
    for what in ("rude", "calls", "forged"):
        outs = [run([STRANGER, *at(n), COOKIE, what, n.id, 3000]) for n in nodes]
        check("faults", f"a stranger with the cookie is {what}: all live on", alive(nodes), outs)
        check("faults", "... and take writes", wait_for(20, lambda: nodes[0].write("after", what)[0] == 200), outs)
        if what == "forged":
            told = all("raft message refused" in n.log.read_text() for n in nodes)
            check("faults", "... and a member's number with another key is refused, and told", told)
        if what == "calls":
            grown = leader.ask("/raft-metrics")[1]["last_log_index"] - last
            check("faults", "... none of which was a stranger's", grown < 20, grown)
    settled(nodes)
    now = nodes[0].ask("/raft-metrics")[1]["current_term"]
    check("faults", "... whatever terms it named", now < term + 2**40, now)


def wrong_introductions(nodes):
    """Keys and numbers that are not each other's."""
    leader = settled(nodes)
    rest = others(nodes, leader)
    ends = [n.ask("/node-info")[1]["endpoint_addr"] for n in rest]
    own = leader.ask("/node-info")[1]["endpoint_addr"]
    wrong = [(rest[0].id, {"id": "ef" * 32, "addrs": ends[0]["addrs"]}), (rest[0].id, ends[1]), (9, ends[0]),
             (leader.id, ends[0]), (9, own)]
    said = [leader.ask("/add-peer", {"node_id": i, "endpoint_addr": e})[:2] for i, e in wrong]
    check("faults", "a member is not introduced with another's key or number",
          all(s == 400 and b["code"] == "BAD_REQUEST" for s, b in said), said)
    said = [leader.ask("/add-peer", n.ask("/node-info")[1])[0] for n in nodes]
    check("faults", "... but with its own, again", said == [200] * 3, said)
    flags = ["--peers", f"{leader.id}@{'ef' * 32}"]
    rest[0].stop()
    rc, _, err = run([BUILD / "aspen-node", "--node-id", rest[0].id, "--data-dir", rest[0].dir, "--cookie", COOKIE,
                      "--http-addr=127.0.0.1:0", "--bind=127.0.0.1:0", "--port=0", *flags])
    check("faults", "--peers that contradicts the log: exit code 2", rc == 2 and "/node-info" in err, (rc, err))
    rest[0].start()
    check("faults", "... and all is as before", settled(nodes) and rest[0].write("again", "x")[0] == 200)


def impostor(nodes):
    """Somebody with the cookie, another key, and the number of a member."""
    victim, target = others(nodes, settled(nodes))[:2]
    n = Node(victim.id, start=False)
    n.dir = n.dir.with_name("impostor")
    n.log = n.log.with_name("impostor.log")
    n.start()
    target_info = target.ask("/node-info")[1]
    n.ask("/add-peer", target_info)
    members = [{"id": victim.id, "addr": "a"}, {"id": target.id, "addr": "b"}]
    status, body, _ = n.ask("/init", {"initial_members": members})
    check("faults", "nobody begins with a member's number and another member", status == 400 and
          f"node {target.id} is in a cluster already" in body["error"], body)
    check("faults", "... and has no part in the cluster", n.ask("/leader")[1] == {"leader": None})
    check("faults", "... which goes on", victim.write("impostor", "x")[0] == 200 and alive(nodes))
    n.kill()


def flood(nodes):
    leader = settled(nodes)
    rest = others(nodes, leader)
    rss = leader.rss_kib()
    term = leader.ask("/raft-metrics")[1]["current_term"]
    slow, said = [], []
    bad = rounds = 0
    while rounds < 5 and len(slow) <= 20:  # one round is enough, unless others use the machine too
        rounds += 1
        crowd = [spawn([STRANGER, *at(leader), "x", "flood", 1, 2000], stdout=subprocess.PIPE) for _ in range(2)]
        while any(p.poll() is None for p in crowd):
            begin = time.monotonic()
            bad += rest[0].write("flood", "x")[0] != 200
            slow.append(time.monotonic() - begin)
        said += [p.communicate()[0].decode().strip() for p in crowd]
    slow.sort()
    print(f"# flood: {said}, {len(slow)} writes, p99 {slow[len(slow) * 99 // 100] * 1000:.0f} ms", flush=True)
    check("faults", "a flood of handshakes: other clients are served", bad == 0 and len(slow) > 20, (bad, len(slow)))
    check("faults", "... the leader stays", leader.ask("/raft-metrics")[1]["current_term"] == term)
    check("faults", "... memory is bounded", leader.rss_kib() < rss + 30000, (rss, leader.rss_kib()))
    left = wait_for(10, lambda: leader.metrics()["aspen_transport_connections"] <= 4)
    check("faults", "... and given back", left)
    check("faults", "... and the log is not flooded", leader.log.read_text().count("proof of the cookie") < 200)


def begins(nodes):
    """Whoever is told that there is a leader may write at once, through every node."""
    told = []

    def first_write(node):
        if wait_for(20, lambda: node.ask("/leader")[1]["leader"]):
            told.append(node.write(f"first-{node.id}", "x")[:2])

    threads = [threading.Thread(target=first_write, args=(n,)) for n in nodes]
    for t in threads:
        t.start()
    check("faults", "three nodes form a cluster", init(nodes)[0] == 200 and settled(nodes))
    for t in threads:
        t.join()
    check("faults", "a node that names a leader takes writes", [t[0] for t in told] == [200] * 3, told)


def main():
    nodes = [Node(i) for i in (1, 2, 3)]
    begins(nodes)
    loads = [leader_dies(nodes), leader_hangs(nodes), no_quorum(nodes)]  # their last answers take a deadline
    impostor(nodes)
    wrong_introductions(nodes)
    statuses = [judge(load, nodes[0]) for load in loads]
    slowest = max(a[3] for a in loads[0].answers + loads[1].answers)
    check("faults", "clients of a lost leader hear so when another one leads", slowest < DEADLINE - 1, slowest)
    check("faults", "alone: what came without a quorum was refused", statuses[2][503] > 0, statuses)
    strangers(nodes)
    flood(nodes)
    hashes = wait_for(20, lambda: len({n.ask("/raft-metrics")[1]["state_hash"] for n in nodes}) == 1)
    check("faults", "all have the same state in the end", hashes)
    codes = [n.stop() for n in nodes]
    check("faults", "all stop cleanly", all(c == 0 for c, _ in codes), codes)
    done()


main()
