// expect.go -- what an `expect` line compares.
package main

import (
	"bytes"
	"strings"

	"go.etcd.io/etcd/raft"
)

func doExpect(s *script, words []string) error {
	if len(words) == 0 {
		return unknown{"expect"}
	}
	s.checks++
	switch what := words[0]; {
	case what == "leader":
		return expectLeader(s.world, words[1:])
	case (what == "agree" || what == "prefix") && len(words) == 2:
		return expectSame(s.world, words[1], what == "prefix")
	case what == "err" && len(words) == 2:
		return expectErr(s.world, words[1])
	case what == "read":
		return expectRead(s.world, words[1:])
	case what == "msgs":
		return expectMessages(s.world, words[1:])
	case strings.HasPrefix(what, "sent<=") && len(words) == 2:
		return expectSent(s.world, what[len("sent<="):], words[1])
	}
	return expectNode(s.world, words)
}

// expectLeader: exactly one leader at the highest term that a live node has.
func expectLeader(w *world, words []string) error {
	var wanted *node
	if len(words) == 1 {
		n, err := w.node(words[0])
		if err != nil {
			return err
		}
		wanted = n
	} else if len(words) > 1 {
		return unknown{"expect leader"}
	}
	highest := uint64(0)
	var leaders []*node
	w.each(func(n *node) {
		if !n.up {
			return
		}
		st := n.raw.BasicStatus()
		if st.Term > highest {
			highest, leaders = st.Term, nil
		}
		if n.running() && st.Term == highest && st.RaftState == raft.StateLeader {
			leaders = append(leaders, n)
		}
	})
	if len(leaders) != 1 || (wanted != nil && leaders[0] != wanted) {
		var ids []uint64
		for _, n := range leaders {
			ids = append(ids, n.id)
		}
		return failf("leaders at term %d: %v", highest, ids)
	}
	return nil
}

// expectSame. agree: the same was committed and applied; prefix: what was applied begins the
// longest.
func expectSame(w *world, list string, prefix bool) error {
	nodes, err := w.nodeList(list)
	if err != nil {
		return err
	}
	longest := nodes[0]
	for _, n := range nodes {
		if !n.up {
			return failf("node %d is down", n.id)
		}
		if n.machine.applied() > longest.machine.applied() {
			longest = n
		}
	}
	for _, n := range nodes {
		mine, best := n.machine.history, longest.machine.history
		a, b := n.raw.BasicStatus().Commit, longest.raw.BasicStatus().Commit
		same := prefix || (len(mine) == len(best) && a == b)
		for i := 0; same && i < len(mine); i++ {
			same = mine[i].Term == best[i].Term && bytes.Equal(mine[i].Data, best[i].Data)
		}
		if !same {
			return failf("nodes %d and %d differ: applied %d and %d, commit %d and %d", n.id,
				longest.id, len(mine), len(best), a, b)
		}
	}
	return nil
}

// errNames: names of errors that the library lets one tell apart; the others have no meaning here.
var errNames = map[string]bool{
	"NOT_LEADER": true, "NO_LEADER": true, "TIMEOUT": true, "UNKNOWN_NODE": true,
	"BAD_REQUEST": true, "CONF_PENDING": true, "PEER_GONE": true,
}

func expectErr(w *world, wanted string) error {
	good := w.err == wanted
	switch {
	case wanted == "yes":
		good = w.err != ""
	case wanted == "no":
		good = w.err == ""
	case !errNames[wanted]:
		return unknown{"err " + wanted}
	}
	if !w.answered {
		return unknown{"err of nothing asked"}
	}
	if !good {
		return failf("expected err %s, found %q", wanted, w.err)
	}
	return nil
}

var readNames = map[string]readState{"pending": readPending, "ok": readOK, "fail": readFailed}

func expectRead(w *world, words []string) error {
	if len(words) < 2 || len(words) > 3 {
		return unknown{"expect read"}
	}
	r := w.reads[words[0]]
	state, known := readNames[words[1]]
	if r == nil || !known {
		return unknown{"expect read " + strings.Join(words, " ")}
	}
	good := r.state == state
	if len(words) == 3 {
		text, is := option(words[2], "i")
		index, ok := number(text)
		if !is || !ok {
			return unknown{words[2]}
		}
		good = good && r.index == index
	}
	if !good {
		return failf("read %s: state %d i=%d", words[0], r.state, r.index)
	}
	return nil
}

// expectMessages: expect msgs A>B [type=T] N.
func expectMessages(w *world, words []string) error {
	if len(words) < 2 {
		return unknown{"expect msgs"}
	}
	wanted, ok := number(words[len(words)-1])
	f, err := filterOf(words[:len(words)-1])
	if err != nil || !ok {
		return unknown{"expect msgs " + strings.Join(words, " ")}
	}
	if found := w.count(f); found != wanted {
		return failf("%d messages wait", found)
	}
	return nil
}

func expectSent(w *world, most, where string) error {
	bound, ok := number(most)
	l, err := linkOf(where)
	if !ok || err != nil {
		return unknown{"expect sent"}
	}
	sum := uint64(0)
	for at, count := range w.sent {
		if (l.from == 0 || l.from == at.from) && (l.to == 0 || l.to == at.to) {
			sum += count
		}
	}
	if sum > bound {
		return failf("%d messages were sent", sum)
	}
	return nil
}

func expectNode(w *world, words []string) error {
	n, err := w.node(words[0])
	if err != nil || len(words) < 2 {
		return unknown{"expect " + strings.Join(words, " ")}
	}
	var failure error // of the first word; what is not understood weighs more
	for i := len(words) - 1; i > 0; i-- {
		err := n.compare(words[i])
		if _, is := err.(unknown); is {
			return err
		}
		if err != nil {
			failure = err
		}
	}
	return failure
}
