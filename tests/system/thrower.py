#!/usr/bin/python3
"""tests/system/thrower.py -- garbage at the UDP and HTTP ports of running nodes.

usage: thrower.py SECONDS SEED UDP,UDP,... HTTP,HTTP,...    addresses as ip:port; prints what was thrown

Every length from 0 to 1500 goes out at least once in every shape, whatever SECONDS says; then everything
again, at random, until the time is over. Nothing that comes back is judged here, but for one thing: a
request that must be refused is never answered with 200.
"""
import random
import socket
import struct
import sys
import threading
import time

LENGTHS = range(0, 1501)
V1 = b"\x00\x00\x00\x01"
DISCO = b"TS\xf0\x9f\x92\xac"


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


# ---- UDP ----

def noise(rng, size):
    return rng.randbytes(size)


def long_header(rng, size, version=V1, kind=None):
    """A header that is right as far as it goes, and nonsense behind it."""
    kind = rng.randrange(4) if kind is None else kind
    dcid = rng.randbytes(rng.choice([0, 1, 7, 8, 8, 8, 18, 20, 21, 255]))
    scid = rng.randbytes(rng.choice([0, 8, 8, 20, 21, 255]))
    out = bytes([0xC0 | kind << 4 | rng.randrange(16)]) + version
    out += bytes([len(dcid)]) + dcid + bytes([len(scid)]) + scid
    if kind == 0:
        token = rng.randbytes(rng.choice([0, 0, 0, 1, 63, 100]))
        out += (bytes([len(token)]) if len(token) < 64 else struct.pack(">H", 0x4000 | len(token))) + token
    out += struct.pack(">H", 0x4000 | max(0, min(0x3FFF, size - len(out) - 2)))
    return (out + rng.randbytes(max(0, size - len(out))))[:size]


def initial(rng, size):
    """As a client's first packet is: version 1, eight-byte ids, padded; its protection is noise."""
    return long_header(rng, max(size, 1200), V1, 0)


def other_version(rng, size):
    return long_header(rng, size, rng.choice([b"\x00\x00\x00\x00", b"\x6b\x33\x43\xcf", b"\x1a\x2a\x3a\x4a",
                                              b"\xff\xff\xff\xff"]))


def short_header(rng, size):
    return (bytes([0x40 | rng.randrange(64)]) + rng.randbytes(size))[:size]


def disco(rng, size):
    return (DISCO + rng.randbytes(size))[:size]


def zeros(rng, size):
    return bytes([rng.choice([0, 0x80, 0xC0, 0xFF])]) * size


UDP_SHAPES = [noise, long_header, other_version, short_header, disco, zeros, initial]


def throw_udp(targets, seed, end, count):
    rng = random.Random(seed)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)

    def send(data, to):
        try:
            sock.sendto(data, to)
            count["datagrams"] += 1
        except OSError:
            pass

    for size in LENGTHS:
        for shape in UDP_SHAPES:
            send(shape(rng, size), rng.choice(targets))
        if size % 50 == 0:
            time.sleep(0.001)  # let the receiver's buffer drain, or most of them would never be seen
    while time.monotonic() < end:
        shape = rng.choice(UDP_SHAPES)
        to = rng.choice(targets)
        what = rng.randrange(10)
        if what == 0:  # a burst from many ports
            for _ in range(20):
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                for _ in range(20):
                    try:
                        s.sendto(shape(rng, rng.randrange(1501)), to)
                        count["datagrams"] += 1
                    except OSError:
                        pass
                s.close()
        elif what == 1:  # one datagram, again and again
            data = shape(rng, rng.randrange(1501))
            for _ in range(2000):
                send(data, to)
        elif what == 2:
            send(noise(rng, rng.randrange(60000)), to)
        else:
            for _ in range(100):
                send(shape(rng, rng.randrange(1501)), to)
        time.sleep(0.002)


# ---- HTTP ----

POST = b"POST /write HTTP/1.1\r\nHost: a\r\n"
GOOD = POST + b"Content-Length: 55\r\n\r\n" + b'{"command":{"Set":{"key":"garbage","value":"thrown"}}}\n'
MUST_REFUSE = [
    POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n12345",
    POST + b"Content-Length : 5\r\n\r\n12345",
    POST + b"Content-Length: 99999999999\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5;x=y\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n5\n12345",
    POST + b"X: " + b"y" * 9000 + b"\r\n\r\n",
    b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\nHost: a\n\n",
    b"GET / HTTP/3.0\r\nHost: a\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + b"\x00" * 100,
    b"\x00" * 64,
]


def connect(to):
    s = socket.create_connection(to, timeout=2)
    s.settimeout(2)
    return s


def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def refused(to, data, bad):
    with connect(to) as s:
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            got = s.recv(65536)
        except OSError:
            return
        if got.startswith(b"HTTP/1.1 200"):
            bad.append(data[:60])


def damaged(rng):
    data = bytearray(GOOD)
    for _ in range(rng.randrange(1, 5)):
        what = rng.randrange(3)
        at = rng.randrange(len(data))
        if what == 0:
            data[at] = rng.randrange(256)
        elif what == 1:
            del data[at:at + rng.randrange(1, 10)]
        else:
            data[at:at] = rng.randbytes(rng.randrange(1, 10))
        if not data:
            break
    return bytes(data)


def one_http(rng, to, kept, bad):
    what = rng.randrange(10)
    if what == 0:
        refused(to, rng.choice(MUST_REFUSE), bad)
    elif what == 1:  # half a request, left open
        kept.append(connect(to))
        kept[-1].sendall(GOOD[:rng.randrange(1, len(GOOD))])
        if len(kept) > 200:
            kept.pop(rng.randrange(len(kept))).close()
    elif what == 2:  # gone before the answer
        s = connect(to)
        s.sendall(GOOD * rng.randrange(1, 4))
        reset(s)
    elif what == 3:  # pipelines that nobody reads
        s = connect(to)
        s.settimeout(0.05)
        try:
            s.sendall(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n" * 300)
        except OSError:
            pass
        reset(s)
    elif what == 4:  # half of a large body
        s = connect(to)
        s.settimeout(0.2)
        try:
            s.sendall(POST + b"Content-Length: 4000000\r\n\r\n" + b"[" * rng.randrange(2000000))
        except OSError:
            pass
        reset(s)
    elif what == 5:  # JSON that is none, or too deep
        body = rng.choice([b"[" * 100000, b'{"a":' * 20000, b'{"command":' + rng.randbytes(500),
                           b"[0" + b",0" * 400000 + b"]"])
        refused(to, POST + b"Content-Length: %d\r\n\r\n" % len(body) + body, bad)
    elif what == 6:
        for _ in range(20):
            connect(to).close()
    else:
        s = connect(to)
        s.settimeout(0.05)
        try:
            s.sendall(damaged(rng))
            s.recv(4096)
        except OSError:
            pass
        s.close()


def throw_http(targets, seed, end, count, bad):
    rng = random.Random(seed)
    kept = []
    for size in LENGTHS:
        try:
            s = connect(rng.choice(targets))
            s.sendall(rng.randbytes(size))
            reset(s) if size % 2 else s.close()
            count["connections"] += 1
        except OSError:
            pass
    while time.monotonic() < end:
        try:
            one_http(rng, rng.choice(targets), kept, bad)
        except OSError:
            pass
        count["connections"] += 1
    for s in kept:
        s.close()


def main():
    seconds, seed = float(sys.argv[1]), int(sys.argv[2])
    udp = [address(a) for a in sys.argv[3].split(",")]
    http = [address(a) for a in sys.argv[4].split(",")]
    end = time.monotonic() + seconds
    count = {"datagrams": 0, "connections": 0}
    bad = []
    threads = [threading.Thread(target=throw_udp, args=(udp, seed, end, count)),
               threading.Thread(target=throw_http, args=(http, seed + 1, end, count, bad)),
               threading.Thread(target=throw_http, args=(http, seed + 2, end, count, bad))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print(f"{count['datagrams']} datagrams, {count['connections']} HTTP connections")
    for data in bad:
        print(f"answered with 200: {data!r}")
    return 1 if bad else 0


sys.exit(main())
