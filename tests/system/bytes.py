#!/usr/bin/python3
"""tests/system/bytes.py DIR INDEX TERM -- reads a stopped node's identity, vote and log from the tables of
docs/DISK.md alone, and checks them against each other. Prints TAP. INDEX, TERM: what the node said last."""
import os
import struct
import sys

CRC_TABLE = []
for n in range(256):
    for _ in range(8):
        n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
    CRC_TABLE.append(n)
TESTS = [0, 0]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def ok(good, what, told=""):
    TESTS[0] += 1
    TESTS[1] += not good
    if told and not good:
        print("#", told)
    print(f"{'ok' if good else 'not ok'} {TESTS[0]} - {what}")


def read(*names):
    with open(os.path.join(*names), "rb") as f:
        return f.read()


def slots(data, magic):
    """Counter and payload of each of the two slots."""
    out = []
    for place in range(2):
        slot = data[place * 4096:(place + 1) * 4096]
        got, crc, counter, count = struct.unpack_from("<4sIQI", slot)
        assert got == magic and crc == crc32c(slot[8:]), "magic and CRC"
        assert counter % 2 == place and not any(slot[20 + count:]), "place and padding"
        out.append((counter, slot[20:20 + count]))
    return out


def records(body, entries):
    at, out = 0, []
    for _ in range(entries):
        count, kind, term = struct.unpack_from("<IBQ", body, at)
        at += 13
        out.append((kind, term, body[at:at + count]))
        at += count
    assert at == len(body), "records fill the body"
    return out


def batches(wal, salt):
    """All batches of the chain, and the entries that are left of them."""
    heads, log, prev, number = [], [], 0, 1
    for segment, name in enumerate(sorted(n for n in os.listdir(wal) if n.endswith(".seg")), 1):
        assert name == f"{segment:016x}.seg", "names"
        data, at = read(wal, name), 0
        assert len(data) % 4096 == 0, "whole blocks"
        while at < len(data) and data[at:at + 4] == b"AWAL":
            (_, crc, form, flags, seg, batch, durable, cut, first, last, term, entries, size, body_crc,
             before, its_salt, zero) = struct.unpack_from("<4sIHHQQQQQQQIIIIQI", data, at)
            assert crc == crc32c(data[at + 8:at + 96]) and form == 1 and zero == 0, "header"
            assert flags & ~3 == 0 and seg == segment and its_salt == salt, "flags, segment, salt"
            assert batch == number and before == prev and durable == batch - 1, "chain"
            end = at + 96 + size
            body = data[at + 96:end]
            assert body_crc == crc32c(body), "body"
            at = (end + 4095) // 4096 * 4096
            assert not any(data[end:at]), "padding"
            if flags & 2:
                del log[cut:]
            if entries:
                assert first == len(log) + 1 and last == first + entries - 1, "indexes"
                log += records(body, entries)
                assert log[-1][1] == term, "term"
            else:
                assert first > last and size == 0, "no entries"
            heads.append((flags, entries))
            prev, number = crc, number + 1
        assert not any(data[at:]), "zeroes behind the chain"
    return heads, log


def main():
    home, index, term = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    one, two = slots(read(home, "identity"), b"ADON")
    form, node = struct.unpack_from("<HQ", one[1])
    ok(one[1] == two[1] and form == 1 and len(one[1]) == 58, "bytes: identity has two equal copies")
    ok(node == 1, "bytes: identity names the node", node)
    salt = struct.unpack("<Q", one[1][42:50])[0]
    one, two = slots(read(home, "vote"), b"VOTE")
    form, vote_salt, vote_term, vote, newest, newest_bytes, durable = struct.unpack("<B6Q", max(one, two)[1])
    ok(one[1] == two[1] and form == 2 and vote_salt == salt, "bytes: the vote has two equal copies")
    ok((vote_term, vote) == (term, 1), "bytes: the vote is what the node said", (vote_term, vote))
    heads, log = batches(os.path.join(home, "wal"), salt)
    ok(len(log) == index, "bytes: the log holds every entry", f"{len(log)} of {index}")
    ok(heads[-1] == (1, 0), "bytes: a seal is the last batch", heads[-1])
    ok(log[0][0] == 2, "bytes: the first entry is the configuration")
    ok(all(kind in (1, 2, 3) for kind, _, _ in log), "bytes: kinds are those of the table")
    ok(any(b"needle-in-the-log" in data for _, _, data in log), "bytes: a value is where it was written")
    files = sorted(n for n in os.listdir(os.path.join(home, "wal")) if n.endswith(".seg"))
    size = os.path.getsize(os.path.join(home, "wal", files[-1]))
    ok(files[-1] == f"{newest:016x}.seg" and newest_bytes == size and 0 < durable < len(heads),
       "bytes: the vote knows the newest segment", (newest, newest_bytes, durable))
    ok(log[-1][1] == term and all(a[1] <= b[1] for a, b in zip(log, log[1:])), "bytes: terms rise")
    print(f"1..{TESTS[0]}")
    return TESTS[1] != 0


if __name__ == "__main__":
    sys.exit(main())
