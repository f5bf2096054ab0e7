"""judge: reads what the drivers told of a script, and says what is wrong with it.

Each implementation by itself: all nodes agree, have applied all that they committed and committed all that they
have; what must be applied is, once and in its order; what cannot have been committed is not. Both together: equal
but for what chaos left open.
"""
import re
from typing import NamedTuple


class Notes(NamedTuple):
    order: list
    never: list
    members: list
    exact: bool


class Outcome:
    """What one driver told of one script."""

    def __init__(self, lines):
        self.nodes, self.reads, self.fails, self.passed = {}, {}, [], False
        for line in lines:
            words = line.split(" ")
            if words[:2] == ["outcome", "read"]:
                self.reads[words[2]] = words[3:]
            elif words[0] == "outcome":
                self.nodes[words[1]] = dict(word.split("=", 1) for word in words[2:] if "=" in word)
            elif words[0] == "FAIL" and words[1] == "line":
                self.fails.append(line)
            elif words[0] == "PASS":
                self.passed = True

    @property
    def any(self):
        return next(iter(self.nodes.values()))

    @property
    def app(self):
        return [name for name in self.any["app"].split(",") if name]


def outcomes(text):
    """By path; every script's lines end with its verdict."""
    found, lines = {}, []
    for line in text.splitlines():
        lines.append(line)
        m = re.match(r"(?:PASS|FAIL) (\S+) checks=", line)
        if m:
            found[m.group(1)] = Outcome(lines)
            lines = []
    return found


def notes(script):
    """Order, never, members and exact of a script's comments."""
    order, never, members = (re.search(rf"^# {name}: ?(.*)$", script, re.M).group(1)
                             for name in ("order", "never", "members"))
    exact = re.search(r"^# exact$", script, re.M) is not None
    return Notes(re.findall(r"\{[^}]*\}|\S+", order), never.split(), members.split(), exact)


def alone(outcome, script):
    """What is wrong with one driver's outcome."""
    if not outcome.passed:
        return outcome.fails[:3] or ["was not understood"]
    wrong, told_of = [], notes(script)
    outcome.nodes = {node: outcome.nodes.get(node) for node in told_of.members}
    for node, told in outcome.nodes.items():
        if not told:
            wrong.append(f"node {node} is down")
        elif told != outcome.any:
            wrong.append(f"node {node} differs: {told} and {outcome.any}")
        elif not told["commit"] == told["applied"] == told["last"].split("/")[0]:
            wrong.append(f"node {node} is not done: {told}")
    return wrong or list(_applied(outcome.app, told_of.order, told_of.never))


def _applied(app, order, never):
    for name in sorted(set(app)):
        if app.count(name) > 1:
            yield f"{name} was applied {app.count(name)} times"
        if name in never:
            yield f"{name} was applied and cannot have been committed"
    rest = list(app)
    for item in order:
        if item.startswith("{"):
            yield from _open(rest, [pair.split("@") for pair in item[1:-1].split()])
        elif rest[:1] == [item]:
            rest.pop(0)
        else:
            yield f"{item} is missing or out of place: {','.join(app)}"
            return
    if rest:
        yield f"{rest[0]} was applied out of place: {','.join(app)}"


def _open(rest, pairs):
    """Takes what chaos left open off the list: any of it, but one node's in the order of its proposals."""
    proposer, place = dict(pairs), {name: at for at, (name, _) in enumerate(pairs)}
    newest = {}
    while rest and rest[0] in proposer:
        name = rest.pop(0)
        node = proposer[name]
        if place[name] < newest.get(node, -1):
            yield f"{name} of node {node} was applied after a later one"
        newest[node] = max(place[name], newest.get(node, -1))


def together(ours, theirs, script):
    """What differs between two outcomes that are right by themselves."""
    told_of = notes(script)
    certain = {item for item in told_of.order if not item.startswith("{")}
    if [n for n in ours.app if n in certain] != [n for n in theirs.app if n in certain]:
        yield f"applied: {ours.any['app']} and {theirs.any['app']}"
    for key in ["config"] + ["commit", "last", "app"] * told_of.exact:
        if ours.any[key] != theirs.any[key]:
            yield f"{key}: {ours.any[key]} and {theirs.any[key]}"
    if told_of.exact and ours.reads != theirs.reads:
        yield f"reads: {ours.reads} and {theirs.reads}"
