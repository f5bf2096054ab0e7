"""members: acts that change who belongs to the cluster; forced ones, with everybody up.

An implementation may take one entry for a change or two: indexes are not compared after one. The leader stays: what
becomes of one that removes itself differs. A removed node is stopped, for it is told in different ways.
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
    plot.say(*lines, "settle", "run 8", f"expect leader {plot.leader}", f"expect {plot.leader} config={_text(plot)}")
    plot.must(plot.leader)
    plot.say("settle", "run 3")
    plot.all_agree()


def _text(plot):
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
    new, old, lead = _newcomer(plot), _leaver(plot), plot.leader
    plot.learners.remove(new)
    plot.voters.append(new)
    if plot.rng.random() < 0.5:
        lines = [f"conf {lead} v{new} r{old} joint=implicit", "settle", "run 8"]
    else:
        lines = [f"conf {lead} v{new} r{old} joint=explicit", "settle", "run 3", f"conf {lead}", "settle", "run 3"]
    _changed(plot, lines + [f"crash {old}"])


def demote_and_promote(plot):
    node = _leaver(plot)
    plot.learners.append(node)
    _changed(plot, [f"conf {plot.leader} l{node}"])
    plot.learners.remove(node)
    plot.voters.append(node)
    _changed(plot, [f"conf {plot.leader} v{node}"])
