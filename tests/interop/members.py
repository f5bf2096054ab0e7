"""members: acts that change who belongs to the cluster; forced ones, with everybody up.

An implementation may take one entry for a change or two: indexes are not compared after one. A removed node is stopped,
for it is told in different ways.
"""
ID_MAX = 12


def acts(plot):
    fit = [demote_and_promote]
    if max(plot.ever) < ID_MAX:
        fit += [welcome, replace]
    if len(plot.voters) > 3:
        fit += [dismiss]
    return fit


def _changed(plot, lines=()):
    plot.exact = False
    plot.say(*lines, "settle", "run 8", f"expect leader {plot.leader}", f"expect {plot.leader} config={text(plot)}")
    plot.must(plot.leader)
    plot.say("settle", "run 3")
    plot.all_agree()


def text(plot):
    voters, learners = (",".join(map(str, sorted(ids))) for ids in (plot.voters, plot.learners))
    return f"v{voters}" + (f"/l{learners}" if learners else "")


def _newcomer(plot):
    """An empty node, as a learner first: it is a voter only when it has caught up."""
    node = max(plot.ever) + 1
    plot.ever.add(node)
    plot.learners.append(node)
    plot.say(f"node {node}", f"conf {plot.leader} l{node}")
    _changed(plot)
    return node


def welcome(plot):
    node = _newcomer(plot)
    if plot.rng.random() < 0.7:
        plot.learners.remove(node)
        plot.voters.append(node)
        _changed(plot, [f"conf {plot.leader} v{node}{plot.rng.choice(('', ' joint=implicit'))}"])


def _leaver(plot):
    node = plot.rng.choice([node for node in plot.voters if node != plot.leader])
    plot.voters.remove(node)
    return node


def dismiss(plot):
    node = _leaver(plot)
    _changed(plot, [f"conf {plot.leader} r{node}", "settle", "run 3", f"crash {node}"])


def replace(plot):
    """One comes, one goes, in one joint change; sometimes it is left by hand."""
    new, old = _newcomer(plot), _leaver(plot)
    plot.learners.remove(new)
    plot.voters.append(new)
    _changed(plot, _jointly(plot, f"v{new} r{old}") + [f"crash {old}"])


def _jointly(plot, what):
    lead = plot.leader
    if plot.rng.random() < 0.5:
        return [f"conf {lead} {what} joint=implicit", "expect err no", "settle", "run 8"]
    return [f"conf {lead} {what} joint=explicit", "expect err no", "settle", "run 3", f"conf {lead}",
            "expect err no", "settle", "run 3"]


def demote_and_promote(plot):
    node = _leaver(plot)
    plot.learners.append(node)
    _changed(plot, [f"conf {plot.leader} l{node}"])
    promote(plot, node)


def leave(plot):
    """The leader goes itself, perhaps for another who comes. What becomes of its office differs, so nobody knows who
    leads then; what was proposed with the change, or is after it, is applied all the same."""
    plot.exact = False
    new = _newcomer(plot) if len(plot.voters) < 4 or (max(plot.ever) < ID_MAX and plot.rng.random() < 0.5) else None
    old, what = plot.leader, ""
    plot.voters.remove(old)
    if new:
        plot.learners.remove(new)
        plot.voters.append(new)
        what = f"v{new} "
    plot.must(old)
    plot.say(*_jointly(plot, f"{what}r{old}"), "settle", "run 8", f"crash {old}")
    plot.leader = None


def step_back(plot):
    """The leader becomes a learner, and goes on leading or not."""
    plot.exact = False
    old = plot.leader
    plot.voters.remove(old)
    plot.learners.append(old)
    plot.must(old)
    plot.say(f"conf {old} l{old}", "expect err no", "settle", "run 8")
    plot.leader = None
    return old


def promote(plot, node):
    plot.learners.remove(node)
    plot.voters.append(node)
    _changed(plot, [f"conf {plot.leader} v{node}"])
