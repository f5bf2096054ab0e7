// invariants.go -- what must hold over all nodes at any moment, after the TLA+ model of Raft.
package main

import (
	"bytes"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

type ballot struct{ id, term uint64 }

// seen so far, while `invariants on`.
type seen struct {
	leaders   map[uint64]uint64 // by term
	votes     map[ballot]uint64
	committed []uint64 // term of each entry, from index 1
	applied   []pb.Entry
}

func seenNew() *seen {
	return &seen{leaders: map[uint64]uint64{}, votes: map[ballot]uint64{}}
}

func (w *world) check() error {
	var broken error
	if w.seen == nil {
		return nil
	}
	w.each(func(n *node) {
		if n.up && broken == nil {
			broken = w.seen.node(n)
		}
	})
	if broken == nil {
		broken = w.checkLeader()
	}
	return broken
}

func (s *seen) node(n *node) error {
	st := n.raw.BasicStatus()
	if st.RaftState == raft.StateLeader {
		if other := s.leaders[st.Term]; other != 0 && other != n.id {
			return failf("invariant: two leaders in term %d: %d and %d", st.Term, other, n.id)
		}
		s.leaders[st.Term] = n.id
	}
	durable := n.disk.durable // what a crash may take was told to nobody
	if vote := durable.hard.Vote; vote != 0 {
		at := ballot{n.id, durable.hard.Term}
		if other := s.votes[at]; other != 0 && other != vote {
			return failf("invariant: node %d voted twice in term %d", n.id, at.term)
		}
		s.votes[at] = vote
	}
	for i := durable.base + 1; i <= st.Commit && i <= durable.last(); i++ {
		term := n.termAt(i)
		if kept, _ := durable.term(i); kept != term {
			break
		}
		if i == uint64(len(s.committed))+1 {
			s.committed = append(s.committed, term)
		}
		if i <= uint64(len(s.committed)) && s.committed[i-1] != term {
			return failf("invariant: committed entry %d changed on node %d", i, n.id)
		}
	}
	for i, e := range n.machine.history {
		if i == len(s.applied) {
			s.applied = append(s.applied, e)
		}
		if s.applied[i].Term != e.Term || !bytes.Equal(s.applied[i].Data, e.Data) {
			return failf("invariant: node %d applied another entry %d", n.id, i+1)
		}
	}
	return nil
}

// checkLeader: the leader of the highest term has everything that is committed.
func (w *world) checkLeader() error {
	var leader *node
	highest := uint64(0)
	w.each(func(n *node) {
		if !n.up {
			return
		}
		st := n.raw.BasicStatus()
		if st.Term > highest {
			highest, leader = st.Term, nil
		}
		if st.Term == highest && st.RaftState == raft.StateLeader {
			leader = n
		}
	})
	if leader == nil {
		return nil
	}
	for i := leader.disk.written.base; i < uint64(len(w.seen.committed)); i++ {
		if leader.termAt(i+1) != w.seen.committed[i] {
			return failf("invariant: leader %d lacks the committed entry %d", leader.id, i+1)
		}
	}
	return nil
}
