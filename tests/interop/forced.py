"""forced: acts whose outcome is the same for every correct implementation.

Each begins and ends with all nodes up, connected and in agreement under plot.leader. Elections are forced: without
guards a campaign wins at once; with them it does when nobody has heard a leader for a while. Where time passes
without guards and somebody is cut off, it is too short for a timeout.
"""
import itertools

import members


def acts(plot):
    """The acts that fit this plot."""
    fit = [steady, untidy, minority_down, minority_cut, usurped, crown, leader_restart]
    if "disk" in plot.classes:
        fit += [minority_loses, leader_loses]
    if not plot.guarded:
        fit += [inherited]
        if len(plot.voters) > 4:
            fit += [disowned]
    if "transfer" in plot.classes:
        fit += [handed_over, handed_over]
    if "snapshot" in plot.classes:
        fit += [compacted, compacted]
    if "conf" in plot.classes:
        fit += members.acts(plot)
    return fit


def _others(plot):
    return [node for node in plot.voters if node != plot.leader]


def _minority(plot):
    """Some that the leader can do without: voters, and perhaps the learner."""
    some = plot.rng.sample(_others(plot), plot.rng.randint(1, max(1, plot.spare)))
    return some + [node for node in plot.learners if plot.rng.random() < 0.5]


def _joined(nodes):
    return ",".join(map(str, nodes))


def _ticks(plot):
    return plot.rng.choice((1, 3, 7) if not plot.guarded else (1, 7, 30))


def steady(plot):
    for _ in range(plot.rng.randint(1, 3)):
        plot.must(plot.leader, plot.rng.randint(1, 3))
        plot.say("settle", f"run {plot.rng.randint(1, 12)}")
    plot.all_agree()


def untidy(plot):
    """The network loses, doubles and reorders a leader's messages; heartbeats mend it."""
    lead, rng = plot.leader, plot.rng
    for _ in range(rng.randint(1, 4)):
        plot.must(lead, rng.randint(1, 2))
        plot.say(f"pump {lead}")
        for _ in range(rng.randint(0, 4)):
            node = rng.choice(_others(plot))
            plot.say(rng.choice((f"drop {lead}>{node}", f"drop {node}>{lead}", f"dup {lead}>{node}", "dup *>*",
                                 f"reorder {lead}>{node}", f"reorder {node}>{lead}", f"deliver {lead}>{node}",
                                 f"deliver {node}>{lead}", f"pump {node}")))
    plot.say("settle", "run 8", f"expect leader {lead}")
    plot.all_agree()


def minority_down(plot, before=()):
    down = _minority(plot)
    plot.must(plot.leader)
    plot.say(*(line.format(node) for node in down for line in before))
    plot.say(*(f"crash {node}" for node in down))
    plot.must(plot.leader, plot.rng.randint(1, 3))
    plot.say("settle", f"run {_ticks(plot)}")
    plot.say(*(f"restart {node}" for node in down))
    plot.say("run 8", f"expect leader {plot.leader}")
    plot.all_agree()


def minority_loses(plot):
    """Those that fall lose what was not synced: the leader sends it again."""
    minority_down(plot, ("disk {} hold", f"pump {plot.leader}", f"deliver {plot.leader}>{{}}", "pump {}",
                         "disk {} lose"))


def minority_cut(plot):
    away = _minority(plot)
    here = [node for node in plot.nodes if node not in away]
    plot.say(f"cut {_joined(away)}|{_joined(here)}")
    plot.must(plot.leader, plot.rng.randint(1, 3))
    plot.say("settle", f"run {_ticks(plot)}", "heal", "run 8", f"expect leader {plot.leader}")
    plot.all_agree()


def _alone(plot):
    """Nobody hears anybody until nobody is loyal to anybody."""
    plot.say("cut " + " ".join(f"{a}|{b}" for a, b in itertools.combinations(plot.nodes, 2)), "run 45")


def crown(plot):
    """Another leader, of our choice; also after chaos, when it is not known who leads."""
    node = plot.rng.choice(plot.voters)
    if plot.guarded:
        _alone(plot)
        plot.say("heal")
    plot.say(f"campaign {node}", "settle")
    plot.crowned(node)
    plot.must(node)
    plot.say("settle", "run 3")
    plot.all_agree()


def usurped(plot):
    """A leader is cut off with entries that nobody else has: the next one's replace them."""
    old, rng = plot.leader, plot.rng
    rest = [node for node in plot.nodes if node != old]
    heir = rng.choice(_others(plot))
    plot.say(f"cut {old}|{_joined(rest)}")
    for _ in range(rng.randint(1, 5)):
        plot.lost(old)
    plot.say("settle")
    if plot.guarded:
        _alone(plot)
        plot.say("heal " + " ".join(f"{a}|{b}" for a, b in itertools.combinations(rest, 2)))
    plot.say(f"campaign {heir}", "settle")
    plot.crowned(heir)
    plot.must(heir, rng.randint(1, 3))
    plot.say("settle", "heal", "run 8", f"expect leader {heir}")
    plot.all_agree()


def _fall(plot, old, back):
    """The leader is down: another is elected, then the old one comes back."""
    if plot.guarded:
        _alone(plot)
        plot.say("heal")
    heir = plot.rng.choice([node for node in plot.voters if node != old])
    plot.say(f"campaign {heir}", "settle")
    plot.crowned(heir)
    plot.must(heir)
    plot.say("settle", *back, "run 8", f"expect leader {heir}")
    plot.all_agree()


def leader_restart(plot):
    """A proposal that left neither memory nor node is gone."""
    old = plot.leader
    plot.lost(old)
    plot.say(f"crash {old}")
    _fall(plot, old, [f"restart {old}"])


def leader_loses(plot):
    """A leader's disk loses what only it had."""
    old = plot.leader
    plot.say(f"cut {old}>*", f"disk {old} hold")
    plot.lost(old)
    plot.say(f"pump {old}", f"disk {old} lose", f"crash {old}", "heal")
    _fall(plot, old, [f"restart {old}"])


def inherited(plot):
    """A dead leader's entry is on the disk of its heir, who commits it with its own."""
    old = plot.leader
    heir = plot.rng.choice(_others(plot))
    plot.must(old)
    plot.say(f"pump {old}", f"deliver {old}>{heir}", f"pump {heir}", f"crash {old}", "drop *>*")
    plot.say(f"campaign {heir}", "settle")
    plot.crowned(heir)
    plot.must(heir)
    plot.say("settle", f"restart {old}", "run 8", f"expect leader {heir}")
    plot.all_agree()


def disowned(plot):
    """A dead leader's entry is on one disk; a majority without it elects another, who replaces it."""
    old = plot.leader
    holder, heir = plot.rng.sample(_others(plot), 2)
    plot.lost(old)
    plot.say(f"pump {old}", f"deliver {old}>{holder}", f"pump {holder}", f"crash {old}", "drop *>*")
    plot.say(f"campaign {heir}", "settle")
    plot.crowned(heir)
    plot.must(heir)
    plot.say("settle", f"restart {old}", "run 8", f"expect leader {heir}")
    plot.all_agree()


def handed_over(plot):
    """The leader gives its office away, perhaps with an entry on the way that the heir lacks yet."""
    heir = plot.rng.choice(_others(plot))
    if plot.rng.random() < 0.5:
        plot.must(plot.leader, plot.rng.randint(1, 3))
    plot.say(f"transfer {plot.leader} {heir}", "settle", "run 3")
    plot.crowned(heir)
    plot.must(heir)
    plot.say("settle", "run 3")
    plot.all_agree()


def compacted(plot):
    """Logs forget what a minority that was down still needs: it is sent a snapshot."""
    down = _minority(plot)
    plot.say(*(f"crash {node}" for node in down))
    plot.must(plot.leader, plot.rng.randint(2, 6))
    plot.say("settle", "run 2")
    plot.say(*(f"snapshot {node} keep={plot.rng.randint(0, 2)}" for node in plot.nodes if node not in down))
    if plot.rng.random() < 0.5:
        plot.must(plot.leader)
        plot.say("settle")
    plot.say(*(f"restart {node}" for node in down), "run 12", f"expect leader {plot.leader}")
    plot.all_agree()
