#!/usr/bin/python3
"""tests/system/links.py -- how packets fare from node to node: whether a fault of the network is one.

usage: links.py IDS open [A-B ...]    of all links, those given (A to B) pass nothing, and every other one passes
       links.py IDS late ID MS        what comes from and to a node is late, the rest is not
       links.py IDS lossy ID PERCENT  so much of what comes from and to a node is lost; 0: nothing is

IDS, with commas, are the nodes of net.sh. A socket stays in the network in which it was made, so this one process has
one in each. Exit 1, with a line that says what was seen, where it is not so; everything is waited for with a bound.

Nobody waits for a packet that must not come. Packets on links that pass are sent after it, many times: a link that
passes too has then passed some of them. What is lost is told in the same way, by a packet that comes behind it.
"""
import ctypes
import os
import selectors
import socket
import sys
import time

CLONE_NEWNET = 0x40000000
PORT = 9  # discard; nobody else is there yet
WITHIN_S = 5.0  # until it is as it should be: neighbours are found, the shaper has read its orders
AGAIN_S = 0.05  # a packet that did not come, the first one to a neighbour say, is sent again
ROUNDS = 20  # of packets on all links
STREAK = 5  # rounds, one after the other, in which the right ones are late
EARLY = 0.9  # of a delay: clocks tick
BURST = 100  # packets in which losses are counted
BURST_OFF = 30  # of them, by which chance may be off: six standard deviations


def socket_in(node):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(f"/run/netns/n{node}", os.O_RDONLY)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), f"setns n{node}")
    os.close(fd)
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind((address(node), PORT))
    sock.setblocking(False)
    return sock


def address(node):
    return f"10.77.{node}.2"


class Links:
    def __init__(self, nodes):
        self.socks = {n: socket_in(n) for n in nodes}
        self.all = [(a, b) for a in nodes for b in nodes if a != b]
        self.end = time.monotonic() + WITHIN_S
        self.selector = selectors.DefaultSelector()
        for node, sock in self.socks.items():
            self.selector.register(sock, selectors.EVENT_READ, node)

    def in_time(self):
        return time.monotonic() < self.end

    def send(self, link, serial):
        try:
            self.socks[link[0]].sendto(f"{link[0]} {serial} {time.monotonic()}".encode(), (address(link[1]), PORT))
        except OSError:
            pass  # no way out of there: it does not pass

    def come(self, patience_s):
        """What came: (link, serial, seconds on its way); nothing after so long without a packet."""
        for key, _ in self.selector.select(patience_s):
            try:
                sender, serial, sent = key.fileobj.recv(100).decode().split()
            except OSError:
                continue
            yield (sender, key.data), int(serial), time.monotonic() - float(sent)

    def round(self, serial, awaited, again_s):
        """A packet on every link, again and again, until all awaited ones came; {link: seconds} of what came in time.
        On links of which nothing is awaited, packets of an earlier round count too."""
        came = {}
        while self.in_time() and awaited - came.keys():
            for link in self.all:
                self.send(link, serial)
            again = time.monotonic() + again_s
            while self.in_time() and awaited - came.keys() and time.monotonic() < again:
                for link, of, took in self.come(AGAIN_S):
                    if of == serial or link not in awaited:
                        came.setdefault(link, took)
        return came


def named(links):
    return " ".join(sorted(f"{a}-{b}" for a, b in links))


def is_open(links, cut):
    passes = set(links.all) - cut
    for serial in range(ROUNDS):
        came = links.round(serial, passes, AGAIN_S).keys()
        if came & cut:
            return f"cut, and passes: {named(came & cut)}"
        if passes - came:
            return f"not cut, and does not pass: {named(passes - came)}"
    return None


def is_late(links, node, delay_s):
    streak = serial = 0
    seen = "nothing came"
    while streak < STREAK and links.in_time():
        serial += 1
        came = links.round(serial, set(links.all), WITHIN_S)
        if len(came) == len(links.all):
            shaped = min(took for link, took in came.items() if node in link)
            rest = min(took for link, took in came.items() if node not in link)
            streak = streak + 1 if rest < delay_s * EARLY <= shaped else 0
            seen = f"after {shaped * 1000:.1f} ms, others after {rest * 1000:.1f} ms"
    return None if streak == STREAK else f"to be {delay_s * 1000:.0f} ms late at node {node}: {seen}"


def burst(links, link, serial):
    """How many of so many packets come; all those that are behind it are of no burst."""
    for n in range(BURST):
        links.send(link, serial + n)
    came = set()
    while links.in_time():
        links.send(link, serial + BURST)
        for of_link, of, _ in links.come(AGAIN_S):
            if of_link == link and of >= serial:
                came.add(of)
        if serial + BURST in came:
            break
    return len(came - {serial + BURST})


def is_lossy(links, node, percent):
    other = next(n for n in links.socks if n != node)
    serial = 0
    for link in ((node, other), (other, node)):
        count, least, most = -1, BURST, BURST
        if percent > 0:
            least, most = (BURST * (100 - percent) // 100 + off for off in (-BURST_OFF, BURST_OFF))
        while not least <= count <= most:
            if not links.in_time():
                return f"to lose {percent} % of {named([link])}: {count} of {BURST} came"
            serial += BURST + 1
            count = burst(links, link, serial)
    return None


def main():
    nodes, what, *rest = sys.argv[1:]
    links = Links(nodes.split(","))
    if what == "open":
        wrong = is_open(links, {tuple(link.split("-")) for link in rest})
    elif what == "late":
        wrong = is_late(links, rest[0], int(rest[1]) / 1000)
    else:
        wrong = is_lossy(links, rest[0], int(rest[1]))
    if wrong:
        print(f"# {wrong}")
    return 1 if wrong else 0


sys.exit(main())
