#!/usr/bin/python3
# tests/unit/node/toml_diff.py -- our TOML parser against Python's tomllib, document by document.
#
# Subject: node/toml.c through the program toml_print
# Method:  seeded random documents, the same with mutations, and byte soup of TOML tokens; both must
#          accept and refuse the same ones and agree on every value. Allowed differences, counted:
#          integers beyond 64 bits, and nesting beyond 48, which ours refuses.
# Usage:   toml_diff.py PROGRAM [--count N] [--seed N]
import argparse, datetime, json, math, random, struct, subprocess, sys, tomllib

KEYS = ['a', 'b', 'c', 'd-e', '_f', '1', '"q"', "'l'", '"a b"', '""', '"\\u0061"', 'A']
SCALARS = ['1', '-0', '+7', '0', '1_000', '0x1F', '0o17', '0b101', '0xdead_beef', '01', '1__0', '_1', '1_', '0x',
           '+0x1', '9223372036854775807', '-9223372036854775808', '9223372036854775808', '1.5', '-0.0', '1e5', '1.',
           '.5', '1.e1', '6.02e+23', '1e400', '5e-324', '1_0.0_1', '1e1_0', '0e0', '0.1e', 'inf', '-inf', '+nan', 'nan',
           'infx', 'true', 'false', 'True', 'truex', '"s"', "'s'", '""', "''", '"\\n\\t\\\\\\""',
           '"\\u00e9\\U0001F600"', '"\\ud800"', '"\\x41"', '"\\', "'\\n'", '"é"', '"""m"""', '"""\nm\nn"""',
           "'''\nx\n'''", '"""a\\\n   \n  b"""', '"""a\\   \n b"""', '"""a\\ b"""', '""""x"""""', "'''''x'''''",
           '""""""', '"""\\""""', '"a\tb"', '"a\x7fb"', "'a\x01'", '"""a\r\nb"""', '1979-05-27', '1979-05-27T07:32:00Z',
           '1979-05-27t07:32:00.999999999-07:30', '1979-05-27 07:32:00', '07:32:00.5', '07:32', '24:00:00',
           '2023-02-29', '2024-02-29', '2100-02-29', '0000-01-01', '1979-5-27', '1979-05-27T07:32:00.', '1979-05-27T',
           '1979-05-27T07:32:60Z', '1979-05-27T07:32:00+24:00', '1979-05-27 07', '23:59:59.1234567']
TOKENS = KEYS + SCALARS + ['=', '.', ',', '[', ']', '[[', ']]', '{', '}', '\n', '\r\n', '\r', ' ', '\t', '#', '"', "'",
                           '"""', "'''", '\\', '\x00', '\ufeff', 'é', '\u2028', '-', '+', '_', 'e', ':', 'T', 'Z',
                           '# c\n', 'a = 1\n', '[a]\n', '[[a]]\n', '[a.b]\n', 'a.b = 1\n']

GOOD = [s for s in SCALARS]


def ws(r):
    return r.choice(['', '', '', ' ', '\t', '  '])


def key(r):
    n = r.choice([1, 1, 1, 2, 2, 3])
    return (ws(r) + '.' + ws(r)).join(r.choice(KEYS) for _ in range(n))


def value(r, depth):
    k = r.random()
    if depth < 4 and k < 0.15:
        sep = lambda: r.choice(['', ' ', '\n', ' # c\n', '\r\n'])
        items = [sep() + value(r, depth + 1) + sep() for _ in range(r.randrange(4))]
        tail = r.choice(['', '', ',' + sep()]) if items else sep()
        return '[' + ','.join(items) + tail + ']'
    if depth < 4 and k < 0.3:
        items = [ws(r) + key(r) + ws(r) + '=' + ws(r) + value(r, depth + 1) + ws(r) for _ in range(r.randrange(4))]
        body = '{' + ','.join(items)
        return body + r.choice(['', '', '', ',']) + '}' if r.random() < 0.1 else body + '}'
    return r.choice(GOOD)


def document(r):
    out = []
    for _ in range(r.randrange(1, 9)):
        k = r.random()
        if k < 0.2:
            out.append(ws(r) + '[' + ws(r) + key(r) + ws(r) + ']')
        elif k < 0.35:
            out.append('[[' + ws(r) + key(r) + ws(r) + ']]')
        elif k < 0.4:
            out.append(r.choice(['', '# comment', '#\x01', '# é', '\t']))
        else:
            out.append(ws(r) + key(r) + ws(r) + '=' + ws(r) + value(r, 0) + r.choice(['', '', ' ', ' # c']))
    return r.choice(['\n', '\n', '\n', '\r\n']).join(out) + r.choice(['', '\n'])


SAFE = ['1', '-3', '1.5', 'true', '"s"', "'s'", '"""m\nn"""', '1979-05-27', '07:32:00', '1979-05-27T07:32:00Z', '0x1F',
        '"\\u00e9"']


def tables(r):
    # Only good scalars, so that what decides is which table may be opened where.
    out = []
    for _ in range(r.randrange(2, 10)):
        names = [r.choice('abc') for _ in range(r.choice([1, 1, 2, 2, 3]))]
        k = r.random()
        if k < 0.3:
            out.append('[' + '.'.join(names) + ']')
        elif k < 0.5:
            out.append('[[' + '.'.join(names) + ']]')
        else:
            v = r.choice(SAFE + ['{}', '[]', '{b=1}', '{b.c=1, b.d=2}', '[{b=1}]', '[{b={c=1}}]', '{a={}, a.b=1}',
                                 '{a=1, a=2}'])
            out.append('.'.join(names + [r.choice('abcdefghij')]) + ' = ' + v)
    return '\n'.join(out)


def mutate(r, data):
    b = bytearray(data)
    for _ in range(r.randrange(1, 4)):
        at = r.randrange(len(b) + 1)
        k = r.random()
        if k < 0.35 and b:
            del b[at:at + r.randrange(1, 4)]
        elif k < 0.7:
            b[at:at] = r.choice(TOKENS).encode()
        elif k < 0.8 and b:
            b[at % len(b)] = r.randrange(256)
        else:
            end = min(len(b), at + r.randrange(1, 20))
            b[at:at] = b[at:end]
    return bytes(b)


def make(r):
    k = r.random()
    if k < 0.3:
        return tables(r).encode()
    if k < 0.55:
        return document(r).encode()
    if k < 0.85:
        return mutate(r, r.choice([document, tables])(r).encode())
    return ''.join(r.choice(TOKENS) for _ in range(r.randrange(12))).encode()


class Wide(Exception):
    pass


def canon(v, depth=0):
    if depth > 48:
        raise Wide
    if isinstance(v, dict):
        return ['table', {k: canon(x, depth + 1) for k, x in v.items()}]
    if isinstance(v, list):
        return ['array', [canon(x, depth + 1) for x in v]]
    if isinstance(v, bool):
        return ['boolean', v]
    if isinstance(v, int):
        if not -2**63 <= v < 2**63:
            raise Wide
        return ['integer', v]
    if isinstance(v, float):
        return ['float', 'nan' if math.isnan(v) else float.hex(v)]
    if isinstance(v, str):
        return ['string', v]
    if isinstance(v, datetime.datetime):
        t = [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond]
        if v.tzinfo is not None:
            t.append(int(v.utcoffset().total_seconds()) // 60)
        return ['datetime', t]
    if isinstance(v, datetime.date):
        return ['date', [v.year, v.month, v.day]]
    return ['time', [v.hour, v.minute, v.second, v.microsecond]]


def ours(line):
    def fix(v):
        t, x = v
        if t == 'table':
            return [t, {k: fix(y) for k, y in x.items()}]
        if t == 'array':
            return [t, [fix(y) for y in x]]
        if t == 'float' and x != 'nan':
            return [t, float.hex(float(x))]
        return v
    return fix(json.loads(line[3:])) if line.startswith('ok ') else None


def theirs(data):
    try:
        return canon(tomllib.loads(data.decode('utf-8')))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return None


def main():
    a = argparse.ArgumentParser()
    a.add_argument('program')
    a.add_argument('--count', type=int, default=20000)
    a.add_argument('--seed', type=int, default=1)
    a = a.parse_args()
    r = random.Random(a.seed)
    docs = [make(r) for _ in range(a.count)]
    stream = b''.join(struct.pack('<I', len(d)) + d for d in docs)
    run = subprocess.run([a.program], input=stream, stdout=subprocess.PIPE)
    lines = run.stdout.decode('utf-8').split('\n')
    print('1..3')
    whole = run.returncode == 0 and len(lines) == len(docs) + 1
    print(('ok' if whole else 'not ok') + ' 1 - toml: every document gets an answer')
    accepted = wide = wrong = 0
    for d, line in zip(docs, lines):
        try:
            want = theirs(d)
        except Wide:
            wide += 1
            want = None
        got = ours(line)
        accepted += got is not None
        if got != want:
            wrong += 1
            if wrong <= 10:
                print(f'# {d!r}\n#   ours   {line}\n#   theirs {want}')
    print(('ok' if wrong == 0 else 'not ok') + f' 2 - toml: agrees with tomllib ({len(docs)} documents, '
          f'{accepted} accepted, {wide} too wide, {wrong} different)')
    fair = accepted * 10 > len(docs)
    print(('ok' if fair else 'not ok') + ' 3 - toml: more than a tenth of the documents is valid')
    return 0 if whole and wrong == 0 and fair else 1


if __name__ == '__main__':
    sys.exit(main())
