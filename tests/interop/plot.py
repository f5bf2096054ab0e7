"""plot: one random script, and beside it what must have come of it in the end.

A script is a row of acts. A forced act knows who leads before and after it, and what is applied: both
implementations must come to the same. In a chaotic act anything may happen, and what was proposed in it may be
applied or not; it ends in a calm that everybody comes out of with one leader and one log.

What must hold is told in comments, which every driver skips:
    # order: a1 a2 {m1@1 m2@3} a3   applied in this order; in braces: any, at most once, those of a node in order
    # never: n1 n2                  proposed where it could not be committed, and overwritten since
    # members: 1 2 3                who must be there in the end
    # exact                         no chaos: the indexes and terms are equal as well
"""
import random

import chaos
import forced

# Classes of acts that a run may leave out: name -> what its scripts ask of a driver.
CLASSES = {
    "chaos": "random faults",
    "clock": "clock ID +N, -N, rate=R, in a chaos",
    "disk": "disk hold, go, lose; apply hold, go",
    "slow": "disk slow beside disk lose",
    "learners": "members that do not vote",
    "conf": "conf ID v4 r1 ... joint=implicit",
    "transfer": "transfer ID TO",
    "snapshot": "snapshot ID keep=N",
}
DEFAULT = tuple(CLASSES)
COMMANDS_MAX = 80  # what `expect` tells of `app` has 500 bytes


class Plot:
    """State while a script is written: everybody is up, connected and agrees between two acts."""

    def __init__(self, seed, classes=DEFAULT):
        self.rng = random.Random(seed)
        self.classes = frozenset(classes)
        self.lines, self.order, self.never = [], [], []
        self.exact = True
        self.forgets = False  # a node fell with a vote that it may have told nobody
        self.count = 0
        self.guarded = self.rng.random() < 0.6  # pre-votes and check-quorum
        self.voters = list(range(1, self.rng.choice((3, 3, 3, 4, 5, 5)) + 1))
        self.learners = []
        if "learners" in self.classes and self.rng.random() < 0.25:
            self.learners = [len(self.voters) + 1]
        self.ever = set(self.nodes)  # ids that were given away
        self.leader = None
        self._open(seed)
        self._acts()
        self._close()

    @property
    def nodes(self):
        return self.voters + self.learners

    @property
    def spare(self):
        """How many voters may be away while the others still decide."""
        return (len(self.voters) - 1) // 2

    def say(self, *lines):
        self.lines += lines

    def name(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def must(self, node, times=1):
        """Commands that are applied in this place."""
        for _ in range(times):
            name = self.name("a")
            self.say(f"propose {node} {name}")
            self.order.append(name)

    def lost(self, node):
        """A command that is never applied."""
        name = self.name("n")
        self.say(f"propose {node} {name}")
        self.never.append(name)

    def read(self, node):
        """A read, and the name by which it is asked after."""
        name = self.name("r")
        self.say(f"read {node} {name}")
        return name

    def all_agree(self):
        self.say("expect agree " + ",".join(map(str, self.nodes)))

    def crowned(self, node):
        """A node that leads from here on; whoever says otherwise has failed."""
        self.leader = node
        self.say(f"expect leader {node}")

    def text(self):
        notes = [f"# order: {' '.join(self.order)}", f"# never: {' '.join(self.never)}",
                 f"# members: {' '.join(map(str, self.nodes))}"]
        # Our driver takes a vote that never left its node for given, and calls the next one its second.
        loses = self.forgets or any(line.endswith((" hold", " slow 3")) for line in self.lines)
        lines = ["invariants on"] * (not loses) + self.lines
        return "\n".join(notes + ["# exact"] * self.exact + lines) + "\n"

    def _open(self, seed):
        guard = "" if self.guarded else " prevote=0 checkquorum=0"
        learners = " learners=" + ",".join(map(str, self.learners)) if self.learners else ""
        bounds = self.rng.choice(("", "", " maxmsg=0", " maxmsg=0", " inflight=2", " maxmsg=0 inflight=1",
                                  " maxcommit=20"))
        self.one_by_one = bounds == " maxmsg=0"
        self.say(f"cluster voters={','.join(map(str, self.voters))}{learners}{guard}{bounds} seed={seed % 2**31}")
        first = self.rng.choice(self.voters)
        self.say(f"campaign {first}", "settle")
        self.crowned(first)
        self.must(first, self.rng.randint(1, 4))
        self.say("settle")
        self.all_agree()

    def _acts(self):
        for _ in range(self.rng.randint(2, 6)):
            if self.count > COMMANDS_MAX - 25:
                break
            if "chaos" in self.classes and self.rng.random() < 0.3:
                chaos.act(self)
                forced.crown(self)
            else:
                self.rng.choice(forced.acts(self))(self)

    def _close(self):
        self.say("settle", "run 5", "expect leader")
        self.all_agree()
