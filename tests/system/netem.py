#!/usr/bin/python3
"""tests/system/netem.py -- what sch_netem does, outside of the kernel, for kernels without it.

usage: netem.py DEVICE SEED    DEVICE is a TUN device, made here; end of input ends the program

Every packet that is routed into DEVICE comes out of it again: late, twice, in another order, or never. Lines of input
set how a node's packets fare, both those that it sends and those that it gets:
    A.B.C.D DELAY-MS JITTER-MS LOSS-% DUPLICATE-% REORDER-%
A packet is delayed by DELAY +- JITTER of its source and of its destination; one that REORDER picks goes at once.
"""
import fcntl
import heapq
import os
import random
import selectors
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN = 0x0001
IFF_NO_PI = 0x1000
PACKET_BYTES_MAX = 65536
WAITING_MAX = 10000  # packets on their way, as the limit of a queue; what comes on top is lost
BURST = 64  # packets taken before deadlines are looked at again


def tun_open(name):
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return fd


class Emulator:
    def __init__(self, fd, seed):
        self.fd = fd
        self.draw = random.Random(seed)
        self.shapes = {}
        self.waiting = []
        self.serial = 0

    def order(self, line):
        words = line.split()
        self.shapes[socket.inet_aton(words[0])] = [float(w) for w in words[1:6]]

    def chance(self, percent):
        return percent > 0 and self.draw.random() * 100 < percent

    def take(self, packet):
        if packet[0] >> 4 != 4:
            return
        shapes = [s for s in (self.shapes.get(packet[12:16]), self.shapes.get(packet[16:20])) if s]
        copies = 1
        for _, _, loss, duplicate, _ in shapes:
            if self.chance(loss):
                return
            copies += self.chance(duplicate)
        for _ in range(copies):
            delay = 0
            for mean, jitter, _, _, reorder in shapes:
                if not self.chance(reorder):
                    delay += max(0, mean + self.draw.uniform(-jitter, jitter))
            if delay == 0:
                self.give(packet)
            elif len(self.waiting) < WAITING_MAX:
                self.serial += 1
                heapq.heappush(self.waiting, (time.monotonic() + delay / 1000, self.serial, packet))

    def give(self, packet):
        try:
            os.write(self.fd, packet)
        except OSError:
            pass  # no route any more: lost

    def give_due(self):
        now = time.monotonic()
        while self.waiting and self.waiting[0][0] <= now:
            self.give(heapq.heappop(self.waiting)[2])

    def patience(self):
        return max(0, self.waiting[0][0] - time.monotonic()) if self.waiting else None


def main():
    fd = tun_open(sys.argv[1])
    emulator = Emulator(fd, sys.argv[2])
    selector = selectors.DefaultSelector()
    selector.register(fd, selectors.EVENT_READ)
    selector.register(0, selectors.EVENT_READ)
    rest = b""
    while True:
        ready = [key.fd for key, _ in selector.select(emulator.patience())]
        emulator.give_due()
        if fd in ready:
            try:
                for _ in range(BURST):
                    emulator.take(os.read(fd, PACKET_BYTES_MAX))
            except BlockingIOError:
                pass
        if 0 in ready:
            piece = os.read(0, 4096)
            if not piece:
                return 0
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                emulator.order(line.decode())


sys.exit(main())
