"""chaos: an act in which anything may happen, and the calm after it.

The calm mends everything, waits for a leader, and has every node propose the same command: only the leader takes
it, whoever that is, so it is applied once in every implementation. What was proposed in the chaos is before it or
nowhere.
"""
CALM_TICKS = 150  # some elections may be in vain


def act(plot):
    plot.exact = False
    plot.leader = None
    steps = Steps(plot)
    for _ in range(plot.rng.randint(8, 50)):
        plot.rng.choice(steps.kinds)()
    plot.order.append("{" + " ".join(steps.open) + "}")
    calm(plot, steps.down)


def calm(plot, down):
    if "disk" in plot.classes:
        plot.say(*(f"disk {node} go" for node in plot.nodes))
        plot.say(*(f"apply {node} go" for node in plot.nodes))
    if "clock" in plot.classes:
        plot.say(*(f"clock {node} rate=1" for node in plot.nodes))
    plot.say("heal", *(f"restart {node}" for node in sorted(down)))
    plot.say("settle", f"run {CALM_TICKS}", "expect leader")
    name = plot.name("c")
    plot.say(*(f"propose {node} {name}" for node in plot.nodes))
    plot.order.append(name)
    plot.say("settle", "run 3", "expect leader")
    plot.all_agree()


class Steps:
    """The steps of one act: each method says a line or some."""

    def __init__(self, plot):
        self.plot, self.rng, self.say = plot, plot.rng, plot.say
        self.down, self.open = set(), []
        self.kinds = [self.run] * 5 + [self.propose] * 5 + [self.tick, self.pump, self.cut, self.cut, self.heal]
        self.kinds += [self.read]
        self.kinds += [self.crash, self.crash, self.restart, self.restart, self.campaign] + [self.message] * 5
        if "disk" in plot.classes:
            self.kinds += [self.disk, self.disk, self.apply]
        if "clock" in plot.classes:
            self.kinds += [self.clock]
        if "transfer" in plot.classes:
            self.kinds += [self.transfer] * 2
        if "snapshot" in plot.classes:
            self.kinds += [self.snapshot] * 2

    def _node(self):
        return self.rng.choice(self.plot.nodes)

    def _up(self):
        return [node for node in self.plot.nodes if node not in self.down]

    def run(self):
        self.say(f"run {self.rng.choice((1, 2, 5, 11, 25))}")

    def tick(self):
        self.say(f"tick {self.rng.choice([self._node(), '*'])} {self.rng.randint(1, 20)}")

    def pump(self):
        self.say(f"pump {self._node()}")

    def propose(self):
        """To all who are up, so that a leader is likely among them; each has its own command."""
        if len(self.open) < 12:
            for node in self._up():
                name = self.plot.name("m")
                self.open.append(f"{name}@{node}")
                self.say(f"propose {node} {name}")
            self.say(self.rng.choice(("settle", f"pump {self._node()}")))

    def read(self):
        if self._up():
            self.say(f"read {self.rng.choice(self._up())} {self.plot.name('q')}")

    def cut(self):
        nodes = self.rng.sample(self.plot.nodes, len(self.plot.nodes))
        at = self.rng.randint(1, len(nodes) - 1)
        sides = [",".join(map(str, side)) for side in (nodes[:at], nodes[at:])]
        self.say(self.rng.choice((f"cut {sides[0]}|{sides[1]}", f"cut {nodes[0]}>{nodes[1]}", f"cut {nodes[0]}>*")))

    def heal(self):
        self.say("heal")

    def crash(self):
        node = self._node()
        if "disk" in self.plot.classes and self.rng.random() < 0.5:
            self.say(f"disk {node} lose")
        if self.rng.random() < 0.5:
            self.say(f"pump {node}")
        elif node not in self.down:
            self.plot.forgets = True
        self.say(f"crash {node}")
        self.down.add(node)

    def restart(self):
        if self.down:
            node = self.rng.choice(sorted(self.down))
            self.say(f"restart {node}")
            self.down.discard(node)

    def campaign(self):
        self.say(f"campaign {self.rng.choice(self.plot.voters)}", self.rng.choice(("settle", "run 1", "pump 1")))

    def message(self):
        a = self._node()
        b = self.rng.choice([self.rng.choice([node for node in self.plot.nodes if node != a]), "*"])
        kind = self.rng.choice(("append", "append_reply", "vote", "vote_reply", "heartbeat"))
        self.say(self.rng.choice((f"deliver {a}>{b}", f"drop {a}>{b}", f"dup {a}>{b}", f"reorder {b}>{a}",
                                  f"deliver {a}>{b} type={kind}", f"drop {a}>{b} type={kind}", f"deliver *>{a}",
                                  "drop *>*", f"pump {a}", f"tick {a} 3")))

    def disk(self):
        slow = ("slow 3",) * ("slow" in self.plot.classes)
        self.say(f"disk {self._node()} {self.rng.choice(('hold', 'hold', 'go') + slow)}")

    def apply(self):
        self.say(f"apply {self._node()} {self.rng.choice(('hold', 'go'))}")

    def clock(self):
        self.say(f"clock {self._node()} {self.rng.choice(('+5', '+30', '-5', '-30', 'rate=0.5', 'rate=3', 'rate=1'))}")

    def transfer(self):
        if self._up():
            self.say(f"transfer {self.rng.choice(self._up())} {self.rng.choice(self.plot.voters)}")

    def snapshot(self):
        if self._up():
            self.say(f"snapshot {self.rng.choice(self._up())} keep={self.rng.randint(0, 3)}")
