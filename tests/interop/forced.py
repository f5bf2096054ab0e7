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
        fit += [minority_loses, minority_fails, leader_loses]
    if plot.guarded:
        fit += [unwanted]
    else:
        fit += [inherited, belated] + [undecided] * ("disk" in plot.classes)
        if len(plot.voters) > 4:
            fit += [disowned]
        if len(plot.voters) == 5 and not plot.learners and plot.one_by_one:
            fit += [figure_8] * 4
    if "transfer" in plot.classes:
        fit += [handed_over, handed_over]
    if "snapshot" in plot.classes:
        fit += [compacted, compacted]
    if "conf" in plot.classes:
        fit += members.acts(plot) + [demoted]
        if len(plot.voters) > 3 or max(plot.ever) < members.ID_MAX:
            fit += [retired]
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
        reads = [plot.read(plot.rng.choice(plot.nodes)) for _ in range(plot.rng.randint(0, 2))]
        plot.say("settle", *(f"expect read {name} ok" for name in reads))
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


def minority_fails(plot):
    """Disks that fail stop their nodes; new disks with what was on them bring them back."""
    bad = plot.rng.sample(_others(plot), plot.rng.randint(1, plot.spare))
    plot.say(*(f"disk {node} fail" for node in bad))
    plot.must(plot.leader, plot.rng.randint(1, 3))
    plot.say("settle", f"run {_ticks(plot)}", *(f"expect {node} role=stopped" for node in bad))
    plot.say(*(f"crash {node}" for node in bad), *(f"restart {node}" for node in bad))
    plot.say("run 8", f"expect leader {plot.leader}")
    plot.all_agree()


def unwanted(plot):
    """Nobody unseats a leader that is heard."""
    plot.say(f"campaign {plot.rng.choice(_others(plot))}", "settle", "run 3", f"expect leader {plot.leader}")
    plot.must(plot.leader)
    plot.say("settle")
    plot.all_agree()


def undecided(plot):
    """A candidate whose disk takes its term and vote away has asked nobody."""
    node, heir = plot.rng.sample(plot.voters, 2)
    if node == plot.leader:
        node, heir = heir, node
    plot.say(f"disk {node} hold", f"campaign {node}", f"pump {node}", f"expect msgs {node}>* 0")
    plot.say(f"disk {node} lose", f"crash {node}", f"restart {node}", f"campaign {heir}", "settle")
    if heir != plot.leader:
        plot.crowned(heir)
    plot.must(plot.leader)
    plot.say("settle", "run 5")
    plot.all_agree()


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


def _elect(plot, node, electors):
    """At once; or step by step, with a read when it leads and has committed nothing of its own yet, or with its first
    messages to somebody lost."""
    plot.say(f"campaign {node}")
    how = plot.rng.choice(("at once", "read", "lost"))
    if how != "at once":
        others = [other for other in electors if other != node]
        plot.say(f"pump {node}", *_round(node, *others) * (2 if plot.guarded else 1), f"expect {node} role=leader")
    if how == "read":
        read = plot.read(node)
        plot.say(f"expect read {read} pending", "settle", f"expect read {read} ok")
    elif how == "lost":
        plot.say(f"drop {node}>{plot.rng.choice(others)}", "settle", "run 3")
    plot.say("settle")
    plot.crowned(node)


def crown(plot):
    """Another leader, of our choice; also after chaos, when it is not known who leads."""
    node = plot.rng.choice(plot.voters)
    if plot.guarded:
        _alone(plot)
        plot.say("heal")
    _elect(plot, node, plot.nodes)
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
    read = plot.read(old)
    plot.say("settle", f"expect read {read} pending")
    if plot.guarded:
        _alone(plot)
        plot.say("heal " + " ".join(f"{a}|{b}" for a, b in itertools.combinations(rest, 2)))
    _elect(plot, heir, rest)
    plot.must(heir, rng.randint(1, 3))
    plot.say("settle", "heal", "run 8", f"expect read {read} fail", f"expect leader {heir}")
    plot.all_agree()


def belated(plot):
    """A leader's messages arrive when another leads."""
    old, heir = plot.leader, plot.rng.choice(_others(plot))
    rest = [node for node in plot.nodes if node not in (old, heir)]
    plot.lost(old)
    plot.say(f"pump {old}", f"campaign {heir}", f"pump {heir}", *_round(heir, *rest), f"expect {heir} role=leader")
    plot.say(f"deliver {old}>*", "settle", "run 3")
    plot.crowned(heir)
    plot.must(heir)
    plot.say("settle", "run 3")
    plot.all_agree()


def _fall(plot, old, back):
    """The leader is down: another is elected, then the old one comes back."""
    if plot.guarded:
        _alone(plot)
        plot.say("heal")
    heir = plot.rng.choice([node for node in plot.voters if node != old])
    _elect(plot, heir, [node for node in plot.nodes if node != old])
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
    _elect(plot, heir, [node for node in plot.nodes if node != old])
    plot.must(heir)
    plot.say("settle", f"restart {old}", "run 8", f"expect leader {heir}")
    plot.all_agree()


def disowned(plot):
    """A dead leader's entry is on one disk; a majority without it elects another, who replaces it."""
    old = plot.leader
    holder, heir = plot.rng.sample(_others(plot), 2)
    plot.lost(old)
    plot.say(f"pump {old}", f"deliver {old}>{holder}", f"pump {holder}", f"crash {old}", "drop *>*")
    _elect(plot, heir, [node for node in plot.nodes if node != old])
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


def retired(plot):
    """A leader that removes itself: ours hands over, etcd's goes on. Then another is elected."""
    members.leave(plot)
    crown(plot)
    plot.say(f"expect {plot.leader} config={members.text(plot)}")


def demoted(plot):
    """A leader that makes itself a learner, and is made a voter again by the next one."""
    old = members.step_back(plot)
    crown(plot)
    plot.say(f"expect {plot.leader} config={members.text(plot)}")
    members.promote(plot, old)


def figure_8(plot):
    """Raft paper, figure 8: an entry of an old term is on a majority, and must not be committed by counting that."""
    a = plot.leader
    b, c, d, e = plot.rng.sample(_others(plot), 4)
    plot.say(f"cut {a}>{c} {a}>{d} {a}>{e}")
    plot.lost(a)
    plot.say("settle", f"crash {a}", f"crash {b}", "heal")
    plot.say(f"campaign {e}", f"pump {e}", *_round(e, c, d), f"expect {e} role=leader", f"crash {e}", "drop *>*")
    plot.say(f"restart {a}", f"restart {b}", f"campaign {a}", f"pump {a}", "drop *>*")  # they voted for e in that term
    plot.say(f"campaign {a}", f"pump {a}", *_round(a, b, c), f"expect {a} role=leader")
    plot.say(*_round(a, b), *_round(a, c), *_round(a, c), f"crash {a}", f"crash {b}")
    plot.say("drop *>*", f"restart {e}", f"campaign {e}", "settle", f"campaign {e}", "settle")
    plot.crowned(e)
    plot.must(e)
    plot.say("settle", f"restart {a}", f"restart {b}", "run 8", f"expect leader {e}")
    plot.exact = False  # how many campaigns it took
    plot.all_agree()


def _round(a, *peers):
    """From a to its peers and back."""
    return [*(f"deliver {a}>{p}" for p in peers), *(f"pump {p}" for p in peers), *(f"deliver {p}>{a}" for p in peers),
            f"pump {a}"]
