#!/usr/bin/python3
"""tests/system/process.py -- a node and the command line client as processes: every name of every setting, what
is said about mistakes, exit codes, the way up and the way down.

Written from the page of the interface alone; nothing is taken from the sources.
"""
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

from cluster import (BUILD, COOKIE, WORK, Node, check, done, http, init, json, leader_of, os, run, spawn, subprocess,
                     time, wait_for)

HEX = "ab" * 32
OTHER = "cd" * 32
# TOML key, flags, value as typed, value as shown, environment names; the first name of each is the main one
SETTINGS = [
    ("data_dir", ["data-dir"], "d1", '"d1"', []),
    ("storage_backend", ["storage-backend"], "inmemory", '"inmemory"', []),
    ("storage_backend", ["storage-backend"], "redb", '"durable"', []),
    ("log_path", ["log-path", "redb-log-path"], "l1", '"l1"', []),
    ("state_machine_path", ["state-machine-path", "redb-sm-path"], "s1", '"s1"', []),
    ("host", ["host"], "h.example", '"h.example"', []),
    ("port", ["port", "ractor-port"], 26001, "26001", ["RACTOR_PORT"]),
    ("bind", ["bind"], "127.0.0.1:45454", '["127.0.0.1:45454"]', []),
    ("cookie", ["cookie"], "geheim", None, []),
    ("http_addr", ["http-addr"], "127.0.0.1:21001", '"127.0.0.1:21001"', []),
    ("control_backend", ["control-backend"], "deterministic", '"deterministic"', []),
    ("control_backend", ["control-backend"], "raft_actor", '"raft"', []),
    ("heartbeat_interval_ms", ["heartbeat-interval-ms"], 499, "499", []),
    ("election_timeout_min_ms", ["election-timeout-min-ms"], 1499, "1499", []),
    ("election_timeout_max_ms", ["election-timeout-max-ms"], 2999, "2999", []),
    ("auto_rejoin", ["auto-rejoin"], False, "false", []),
    ("iroh.secret_key", ["secret-key", "iroh-secret-key"], HEX, None, ["IROH_SECRET_KEY"]),
    ("iroh.relay_url", ["relay-url", "iroh-relay-url"], "https://r.example/", '["https://r.example/"]',
     ["IROH_RELAY_URL"]),
    ("iroh.enable_gossip", [], False, "false", ["IROH_ENABLE_GOSSIP"]),
    ("iroh.gossip_ticket", ["ticket"], "aspenticket", None, ["IROH_GOSSIP_TICKET"]),
    ("iroh.enable_mdns", [], False, "false", ["IROH_ENABLE_MDNS"]),
    ("iroh.enable_dns_discovery", [], True, "true", ["IROH_ENABLE_DNS_DISCOVERY"]),
    ("iroh.dns_discovery_url", ["dns-discovery-url"], "https://d.example", '"https://d.example"',
     ["IROH_DNS_DISCOVERY_URL"]),
    ("iroh.enable_pkarr", [], True, "true", ["IROH_ENABLE_PKARR"]),
    ("iroh.pkarr_relay_url", ["pkarr-relay-url"], "https://p.example", '"https://p.example"', ["IROH_PKARR_RELAY_URL"]),
    ("peers", ["peers"], f"2@{OTHER}@10.0.0.2:45454,10.0.0.3:1", f"['2@{OTHER}@10.0.0.2:45454,10.0.0.3:1']", []),
    ("log_level", ["log-level"], "debug", '"debug"', []),
    ("log_format", ["log-format"], "json", '"json"', []),
]
SWITCHES = [("disable-gossip", "enable_gossip", "false"), ("disable-mdns", "enable_mdns", "false"),
            ("enable-dns-discovery", "enable_dns_discovery", "true"), ("enable-pkarr", "enable_pkarr", "true"),
            ("no-auto-rejoin", "auto_rejoin", "false"), ("auto-rejoin", "auto_rejoin", "true")]


def node(*flags, env=None):
    return run([BUILD / "aspen-node", *flags], env=env)


def shown(out, key, value, layer):
    """The printed configuration has this value, from this layer; a secret is there, and hidden."""
    leaf = key.split(".")[-1]
    if value is None:
        return f"# {leaf} is hidden  # {layer}" in out
    return f"{leaf} = {value}  # {layer}" in out


def toml_of(key, value):
    text = str(value).lower() if isinstance(value, bool) else value if isinstance(value, int) else f"'{value}'"
    text = f"[{text}]" if key in ("bind", "peers", "iroh.relay_url") else text
    table, _, leaf = key.rpartition(".")
    return "node_id = 1\n" + (f"[{table}]\n" if table else "") + f"{leaf} = {text}\n"


def settings():
    wrong = []
    for key, flags, value, show, env in SETTINGS:
        typed = str(value).lower() if isinstance(value, bool) else str(value)
        tries = [(["--node-id=1", f"--{f}", typed], {}, "command line") for f in flags]
        tries += [(["--node-id=1", f"--{f}={typed}"], {}, "command line") for f in flags]
        names = [key.split(".")[-1].upper(), *env]
        tries += [(["--node-id", "1"], {"ASPEN_" + n: typed}, "environment") for n in names]
        (WORK / "one.toml").write_text(toml_of(key, value))
        tries += [(["--config=one.toml"], {}, "file")]
        for args, variables, layer in tries:
            rc, out, err = node("--check-config", *args, env=variables)
            secret = show is None and typed in out + err
            if rc != 0 or not shown(out, key, show, layer) or secret:
                wrong.append((args, variables, rc, err))
    check("process", "every setting has its flags, its variables and its place in the file", not wrong, wrong)
    wrong = [s for s in SWITCHES if not shown(node("--check-config", "--node-id=1", "--" + s[0])[1], s[1], s[2],
                                              "command line")]
    check("process", "every switch turns its setting", not wrong, wrong)
    (WORK / "port.toml").write_text("node_id = 1\nractor_port = 26002\nhttp_addr = '127.0.0.1:1'\nhost = 'file'\n")
    rc, out, _ = node("--check-config", "--config", "port.toml", "--host", "flag",
                      env={"ASPEN_HTTP_ADDR": "127.0.0.1:2", "ASPEN_HOST": "env", "ASPEN_LOG_LEVEL": "warn"})
    check("process", "environment < file < command line",
          rc == 0 and shown(out, "port", "26002", "file") and shown(out, "http_addr", '"127.0.0.1:1"', "file") and
          shown(out, "host", '"flag"', "command line") and shown(out, "log_level", '"warn"', "environment"), out)
    a, b = f"2@{HEX}", f'3@{{"id":"{OTHER}","addrs":[{{"Relay":"https://r/"}},{{"Ip":"127.0.0.1:45454"}}]}}'
    rc, out, err = node("--check-config", "--node-id=1", env={"ASPEN_PEERS": a + "," + b})
    check("process", "a variable takes several peers, in all forms", rc == 0 and a in out and OTHER in out, out + err)


def mistakes():
    for args, env, name in [(["--node-idd=1"], {}, "--node-id"), ([], {"ASPEN_COOKEI": "x"}, "ASPEN_COOKIE"),
                            (["--config=bad.toml"], {}, "iroh.secret_key")]:
        (WORK / "bad.toml").write_text("[iroh]\nsecret_kye = 'x'\n")
        rc, _, err = node("--node-id=1", *args, env=env)
        check("process", f"an unknown name is told with {name}", rc == 2 and f"did you mean {name}?" in err, err)
    many = ["--node-id=0", "--cookie=", "--heartbeat-interval-ms=0", "--election-timeout-min-ms=7",
            "--election-timeout-max-ms=7", "--secret-key=1234", "--http-addr=here", "--peers=2@zz", "--log-level=loud",
            "--data-dir=/none/such/dir", "--bind=1.2.3.4", "--no-such", "--storage-backend=tape"]
    rc, _, err = node(*many)
    named = ["--node-id:", "--cookie:", "--heartbeat-interval-ms:", "election_timeout_max_ms", "--secret-key:",
             "--http-addr:", "--peers:", "--log-level:", "data_dir /none/such/dir", "--bind:", "--no-such:",
             "--storage-backend:"]
    missing = [n for n in named if not re.search(f"^error: {re.escape(n)}", err, re.M)]
    check("process", "all mistakes are told at once", rc == 2 and not missing, (missing, err))
    check("process", "--check-config tells them with exit code 1", node("--check-config", *many)[0] == 1)
    rc, _, err = node("--check-config", "--node-id=1", "--heartbeat-interval-ms=900", "--election-timeout-min-ms=900",
                      "--election-timeout-max-ms=10001")
    wanted = ["heartbeat_interval_ms", "below 1000", "above 10000", "cookie", "8080", "26000", "gossip, mDNS"]
    missing = [w for w in wanted if not re.search(f"^warning: .*{w}", err, re.M)]
    check("process", "what is unwise is warned about", rc == 0 and not missing, (missing, err))
    rc, out, err = node("--help")
    missing = [f for s in SETTINGS for f in s[1] if f"--{f}" not in out]
    check("process", "--help names every flag", rc == 0 and not missing, missing)
    rc, out, _ = node("--version")
    check("process", "--version", rc == 0 and out.startswith("aspen-node "), out)


class Notify:
    """The socket that systemd would make."""

    def __init__(self):
        self.path = str(WORK / "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(10)

    def next(self):
        try:
            return self.socket.recv(4096).decode()
        except socket.timeout:
            return "nothing"


def start_again(*flags):
    """A second process over the directory of node 1: exit code and last words."""
    rc, _, err = node("--data-dir", WORK / "node-1", "--cookie", COOKIE, "--http-addr=127.0.0.1:0", "--port=0",
                      "--bind=127.0.0.1:0", *flags)
    return rc, err.splitlines()[-1]


def way_up(n):
    notify = Notify()
    n.start("--log-format=json", env={"NOTIFY_SOCKET": notify.path})
    check("process", "READY is told to systemd", notify.next() == "READY=1")
    ready = [json.loads(line) for line in n.log.read_text().splitlines() if '"ready"' in line]
    check("process", "one line says ready, and where", len(ready) == 1 and n.addr in ready[0].values(), ready)
    check("process", "http.addr holds the chosen port", re.fullmatch(r"127\.0\.0\.1:[1-9]\d*\n", (n.dir / "http.addr")
                                                                   .read_text()))
    check("process", "the key is for its owner alone", (n.dir / "secret.key").stat().st_mode & 0o777 == 0o600)
    rc, said = start_again("--node-id=1")
    check("process", "a directory in use: exit code 3", rc == 3 and str(n.process.pid) in said, said)
    code, took = n.stop()
    check("process", "SIGTERM ends it with 0", code == 0 and took < 5, (code, took))
    check("process", "STOPPING is told to systemd", notify.next() == "STOPPING=1")


def elsewhere():
    """Log and state machine on directories of their own, made like the data directory."""
    log, state = WORK / "fast-log", WORK / "state-machine"
    n = Node(4, "--log-path", log, "--state-machine-path", state)
    init([n])
    wait_for(15, lambda: leader_of([n]))
    n.write("kept", "there")
    m = n.metrics("/metrics")
    counted = ("log_appends_total", "log_entries_total", "log_bytes_total", "log_append_latency_seconds_count",
               "writes_total", "write_latency_seconds_count", "applied_entries_total")
    check("process", "a write leaves its traces in /metrics", all(m["aspen_" + c] > 0 for c in counted), m)
    n.stop()
    check("process", "--log-path is where the log is", list(log.glob("*.seg")) and not (n.dir / "wal").exists())
    check("process", "--state-machine-path is where the state machine is",
          (state / "data.mdb").exists() and not (n.dir / "state").exists())
    n.start()
    wait_for(15, lambda: leader_of([n]))
    check("process", "... and both are found again", n.read("kept")[1].get("value") == "there", n.read("kept"))
    n.stop()


def deaf_log(n):
    """Whoever reads the log goes away; the node stays, and ends as it should."""
    reads, writes = os.pipe()
    (n.dir / "http.addr").unlink(missing_ok=True)
    n.process = spawn([BUILD / "aspen-node", "--node-id=1", "--data-dir", n.dir, "--cookie", COOKIE, "--port=0",
                       "--http-addr=127.0.0.1:0", "--bind=127.0.0.1:0", "--log-level=trace"], stderr=writes)
    os.close(writes)
    up = wait_for(10, n.answers)
    os.close(reads)
    code, _ = n.stop()
    check("process", "a log that nobody reads any more ends no node", up and code == 0, code)


def exit_codes(n):
    key = n.dir / "secret.key"
    rc, said = start_again("--node-id=2")
    check("process", "another node's directory: exit code 3", rc == 3 and "node 1" in said, said)
    rc, said = start_again("--node-id=1", "--secret-key", HEX)
    check("process", "another key's directory: exit code 3", rc == 3, said)
    key.chmod(0o640)
    rc, said = start_again("--node-id=1")
    check("process", "a key that others can read: exit code 3", rc == 3 and "chmod 600" in said, said)
    key.chmod(0o600)
    text = key.read_text()
    key.write_text("x" + text[1:])
    rc, said = start_again("--node-id=1")
    check("process", "a key that is none: exit code 4", rc == 4, said)
    key.write_text(text)
    taken = socket.create_server(("127.0.0.1", 0))
    rc, said = start_again("--node-id=1", "--http-addr=127.0.0.1:%d" % taken.getsockname()[1])
    check("process", "an address that is taken: exit code 1", rc == 1 and "in use" in said, said)


def corruption(n):
    """One bit of what is certainly durable."""
    segment = min((n.dir / "wal").glob("*.seg"))
    data = bytearray(segment.read_bytes())
    data[8] ^= 0xFF
    segment.write_bytes(data)
    rc, said = start_again("--node-id=1")
    check("process", "a log that is corrupt: exit code 4", rc == 4, said)


def stop_under_load(nodes):
    """Writers at full speed, a client with half a request, one that never reads, while SIGTERM comes."""
    target = nodes[0]
    half = socket.create_connection(target.addr.split(":"))
    half.sendall(b"POST /write HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    deaf = socket.create_connection(target.addr.split(":"))
    deaf.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 2000)
    stop = threading.Event()
    strange = []

    def writer(i):
        last = 0
        conn = http.client.HTTPConnection(target.addr, timeout=10)
        for k in range(1000000):
            if stop.is_set():
                break
            body = json.dumps({"command": {"Set": {"key": f"load-{i}", "value": str(k)}}})
            try:
                conn.request("POST", "/write", body)
                reply = conn.getresponse()
                reply.read()
                if reply.status not in (200, 502, 503):
                    strange.append(reply.status)
                last = k if reply.status == 200 else last
            except (OSError, http.client.HTTPException):
                break
        return last

    with ThreadPoolExecutor(16) as pool:
        jobs = [pool.submit(writer, i) for i in range(16)]
        wait_for(10, lambda: target.metrics("/metrics").get("aspen_http_requests_total", 0) > 300)
        code, took = target.stop()
        stop.set()
        lasts = [j.result() for j in jobs]
    check("process", "SIGTERM under load, with hung clients: within 5 s", code == 0 and took < 5, (code, took))
    check("process", "... and every answer is one of the interface", not strange, strange)
    for s in (half, deaf):
        s.close()
    target.start()
    wait_for(15, lambda: leader_of(nodes))
    got = [int(target.read(f"load-{i}")[1].get("value", 0)) for i in range(16)]
    check("process", "... and what was acknowledged is there", all(g >= last for g, last in zip(got, lasts)),
          list(zip(got, lasts)))


def cli(*args, env=None):
    return run([BUILD / "aspen", *args], env=env)


TOO_MANY = ("put k v w", "get k l", "leader 1", "health 1", "status 1", "cluster status 1",
            "cluster add 7=127.0.0.1:9 8=127.0.0.1:9", "cluster promote 7 8", "cluster remove 7 8",
            "cluster replace 7 8=127.0.0.1:9 9=127.0.0.1:9", "cluster transfer 7 8")


def client(n, nodes):
    url = "--endpoints=" + n.url
    hung = socket.create_server(("127.0.0.1", 0))
    nobody = "http://127.0.0.1:1"
    deaf = "http://127.0.0.1:%d" % hung.getsockname()[1]
    rows = [
        ("put", (url, "put", "k", "v"), 0, r"revision \d+\n"),
        ("put raw", (url, "put", "k", "v", "-o", "raw"), 0, r"\d+\n"),
        ("put json", (url, "put", "k", "v", "-o", "json"), 0, r'\{"command":.*"revision":\d+\}\n'),
        ("get", (url, "get", "k"), 0, "v\n"),
        ("get raw", (url, "get", "k", "-o=raw"), 0, "v"),
        ("get json", (url, "-o", "json", "get", "k", "--serializable"), 0, r'\{"key":"k","value":"v",.*\}\n'),
        ("a value with a zero byte", (url, "get", "zero"), 0, "a\0b\n"),
        ("leader", (url, "leader"), 0, r"\d\n"),
        ("health", (url, "health"), 0, "healthy\n"),
        ("status json", (url, "status", "-o", "json"), 0, r"\[\{.*\}\]\n"),
        ("a second init", (url, "init"), 1, ""),
        ("a key that is empty", (url, "put", "", "v"), 1, ""),
        ("no command", (url,), 2, ""),
        ("an unknown command", (url, "frob"), 2, ""),
        ("an unknown option", (url, "--frob", "get", "k"), 2, ""),
        ("a form that is none", (url, "-o", "xml", "get", "k"), 2, ""),
        ("a timeout that is none", (url, "--timeout", "0", "get", "k"), 2, ""),
        ("too few arguments", (url, "put", "k"), 2, ""),
        *((f"one word too many: {words}", (url, *words.split()), 2, "") for words in TOO_MANY),
        ("a URL of another kind", ("--endpoints", "https://127.0.0.1:1", "get", "k"), 2, ""),
        ("a port that is none", ("--endpoints", "http://127.0.0.1:99999", "get", "k"), 2, ""),
        ("a key that is not there", (url, "get", "nothing"), 3, ""),
        ("a write that nobody answers", ("--endpoints", deaf, "--timeout=0.3", "put", "k", "v"), 4, ""),
        ("a read that nobody answers", ("--endpoints", deaf, "--timeout=0.3", "get", "k"), 5, ""),
        ("nobody there", ("--endpoints", nobody, "put", "k", "v"), 5, ""),
        ("a dead endpoint first", (f"--endpoints={nobody},{n.url}", "put", "k", "v"), 0, r"revision \d+\n"),
        ("a hung endpoint first", (f"--endpoints={deaf},{n.url}", "--timeout", "3", "get", "k"), 0, "v\n"),
    ]
    n.write("zero", "a\0b")
    for name, args, code, pattern in rows:
        rc, out, err = cli(*args)
        said = bool(err) == (code != 0)
        check("client", f"{name}: exit code {code}", rc == code and re.fullmatch(pattern, out) and said, (rc, out, err))
    check("client", "endpoints from the environment", cli("get", "k", env={"ASPEN_ENDPOINTS": n.url})[1] == "v\n")
    check("client", "endpoints that are none", cli("get", "k", env={"ASPEN_ENDPOINTS": ","})[0] == 2)
    full = subprocess.run([BUILD / "aspen", url, "get", "k"], stdout=open("/dev/full", "w"), stderr=subprocess.DEVNULL)
    check("client", "a result that cannot be written: exit code 1", full.returncode == 1)
    every = "--endpoints=" + ",".join(x.url for x in nodes)
    rc, out, _ = cli(every, "status")
    check("client", "status has a line for each endpoint", rc == 0 and len(out.splitlines()) == 1 + len(nodes), out)
    rc, out, _ = cli(every + "," + nobody, "status")
    check("client", "status with one that is not there: exit code 5", rc == 5 and len(out.splitlines()) == 4, out)
    hung.close()
    cut_answers(socket.create_server(("127.0.0.1", 0)))


def members(nodes):
    """The members as an operator sees them, and refusals that change nothing and say what to type."""
    leader = wait_for(15, lambda: leader_of(nodes))
    asked = next(n for n in nodes if n is not leader)
    learner, spare = Node(6), Node(7)

    def cluster(*args, at=asked):
        return cli("--endpoints=" + at.url, "cluster", *args)

    def seen():
        m = asked.ask("/raft-metrics")[1]
        return m["config_index"], m["members"], m["learners"]

    def row(out, node):
        return next((line for line in out.splitlines() if re.match(rf"{node.id} ", line)), "")

    def refused(name, args, says):
        before = seen()
        rc, out, err = cluster(*args)
        good = rc == 1 and out == "" and re.search(says, err)
        check("members", name, good, (rc, out, err))
        check("members", "... and nothing has changed", seen() == before, (before, seen()))

    rc, out, _ = cluster("status")
    check("members", "a node that follows knows where each one is", rc == 0 and all(row(out, n) for n in nodes), out)
    check("members", "... who leads", re.fullmatch(rf"{leader.id} +voter +yes +\d+ +0 +- +{leader.addr}",
                                                   row(out, leader)), out)
    heard = wait_for(5, lambda: re.fullmatch(rf"{asked.id} +voter +\d+ +\d+ +\d+ ms +{asked.addr}",
                                             row(cluster("status")[1], asked)))
    check("members", "... how far the others are and when they were heard", heard, cluster("status")[1])
    out = cli("--endpoints=" + asked.url, "-o", "json", "cluster", "status")[1]
    ids = [m["node_id"] for m in json.loads(out)]
    check("members", "as JSON it is a list of what was asked", ids == [asked.id], out)
    refused("a learner that nobody knows is refused with a command", ("add", "8=127.0.0.1:1"),
            r"aspen cluster add 8=(?s:.*)127\.0\.0\.1:1.*start node 8")
    refused("nobody is replaced", ("replace", "9", "6=" + learner.url), "node 9 is no member")
    rc, out, _ = cluster("add", "6=" + learner.url)
    wait_for(5, lambda: seen()[2] == [6])
    out = cluster("status")[1]
    check("members", "a learner stands among them", re.match(r"6 +learner +\d", row(out, learner)), out)
    refused("a learner is not replaced", ("replace", "6", "7=" + spare.url), "node 6 is a learner.*cluster remove 6")
    refused("the address of another member is told with its number", ("add", "7=" + learner.url),
            f"node 6 answers at {learner.url.removeprefix('http://')}, a member already, not node 7")
    refused("... that of a node that is none with the command that was meant", ("add", "8=" + spare.url),
            f"node 7 answers at {spare.url.removeprefix('http://')}, not node 8: aspen cluster add 7=")
    refused("a voter is not new", ("replace", str(asked.id), f"{leader.id}={leader.url}"),
            f"node {leader.id} is a voter already")
    wait_for(20, lambda: re.match(r"6 +learner +[1-9]\d* +0 +\d+ ms", row(cluster("status")[1], learner)))
    where = learner.url
    learner.kill()
    wait_for(10, lambda: leader.ask("/raft-metrics")[1]["millis_since_contact"]["6"] > 1500)
    refused("one that is down takes nobody's place", ("replace", str(asked.id), "6=" + where),
            r"node 6 does not answer, for \d+ s now(?s:.*)stays a learner.*aspen cluster remove 6")
    asked.write("k", "v")
    out = cluster("status")[1]
    silent = re.match(r"6 +learner +\d+ +[1-9]\d* +([5-9]\d{3} ms|\d+ s)", row(out, learner))
    check("members", "... and is seen to lag and to be silent", silent, out)
    learner.start()
    # A learner that nobody has reached since its start could not know that it was removed.
    wait_for(20, lambda: learner.ask("/leader")[1].get("leader"))
    rc, out, err = cluster("remove", "6")
    wait_for(5, lambda: seen()[2] == [])
    rc, out, _ = cli(f"--endpoints={asked.url},{learner.url}", "cluster", "status")
    check("members", "one that was removed is no member", re.match("6 +no member ", row(out, learner)), out)
    heard = [wait_for(5, lambda: "this node is no member" in ask()[1].get("error", "")) for ask in
             (lambda: learner.read("k"), lambda: learner.write("k", "v"))]
    check("members", "... and tells its clients so", all(heard), (learner.read("k"), learner.write("k", "v")))
    rc, out, _ = cluster("status", at=spare)
    check("members", "nor is one that nobody added", rc == 0 and "not initialised" in out, out)
    leader.pause()
    wait_for(10, lambda: asked.ask("/leader")[1]["leader"] != leader.id)
    rc, out, _ = cli(f"--endpoints={asked.url}", "--timeout=1", "cluster", "status")
    check("members", "without a leader that answers the members are named", rc == 0 and row(out, leader), out)
    leader.go_on()
    leader = wait_for(15, lambda: leader_of(nodes))
    leaderless(*sorted(nodes, key=lambda n: n is leader))


def leaderless(node, *others):
    """The majority is lost: whoever lives says whom to start, whichever endpoints stand beside it. It has not led, and
    does not come to it while the others stop, the leader last: a leader would begin what it is asked for."""
    urls = ",".join(n.url for n in (node, *others))
    for n in others:
        n.stop()
    rc, out, err = cli("--endpoints=" + urls, "cluster", "remove", str(others[0].id))
    names = ", ".join(f"node {n.id}" for n in sorted(others, key=lambda n: n.id))
    check("members", "without a majority it is said whom to start", rc == 1 and out == "" and
          err == f"aspen: {node.url}: no leader is known: {names} do not answer this node: start them (503)\n",
          (rc, out, err))
    for n in others:
        n.start()
    wait_for(15, lambda: leader_of([node, *others]))


def cut_answers(server):
    """A node that dies in the midst of its answer."""
    url = "http://127.0.0.1:%d" % server.getsockname()[1]
    server.settimeout(5)
    for answer in (b"", b"HTTP/1.1 200 OK\r\nContent-", b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"comm'):
        p = spawn([BUILD / "aspen", "--endpoints", url, "put", "k", "v"], stderr=subprocess.DEVNULL)
        conn, _ = server.accept()
        conn.recv(65536)
        conn.sendall(answer)
        conn.close()
        check("client", f"an answer of {len(answer)} bytes is cut: exit code 4", p.wait(10) == 4, p.returncode)


def main():
    settings()
    mistakes()
    n = Node(1, start=False)
    way_up(n)
    deaf_log(n)
    exit_codes(n)
    elsewhere()
    nodes = [n, Node(2), Node(3)]
    n.start()
    init_code = cli("--endpoints=" + n.url, "health")
    check("client", "a node without a cluster is unhealthy: exit code 1", init_code[:2] == (1, "unhealthy\n"),
          init_code)
    rc, out, _ = cli("--endpoints=" + n.url, "leader", "-o", "json")
    check("client", "no leader: exit code 1", rc == 1 and json.loads(out) == {"leader": None}, out)
    init(nodes)
    wait_for(15, lambda: leader_of(nodes))
    client(n, nodes)
    members(nodes)
    stop_under_load(nodes)
    began = time.monotonic()
    codes = [x.stop() for x in nodes]
    check("process", "all stop cleanly", all(c == 0 for c, _ in codes) and time.monotonic() - began < 15, codes)
    corruption(n)
    done()


main()
