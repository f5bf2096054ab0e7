#!/usr/bin/env python3
"""yardstick.py SECONDS -- what one wake-up of an empty program costs on this machine, in ns of processor.

Prints one number. A virtual machine may charge six times as much for a wake-up as its neighbour of the
same model, and an idle node does little else; whoever watches one measures it beside this.
"""
import sys
import time

PERIOD_S = 0.02


def cpu_ns():
    with open("/proc/self/schedstat") as file:
        return int(file.read().split()[0])


def main():
    end = time.monotonic() + float(sys.argv[1])
    start, wakes = cpu_ns(), 0
    while time.monotonic() < end:
        time.sleep(PERIOD_S)
        wakes += 1
    print((cpu_ns() - start) // max(wakes, 1))


main()
