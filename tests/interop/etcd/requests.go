// requests.go -- lines that ask a node for something: propose, read, conf, transfer, snapshot.
package main

import (
	"strings"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/confchange"
	pb "go.etcd.io/etcd/raft/raftpb"
	"go.etcd.io/etcd/raft/tracker"
)

const tagMax = 31 // bytes of a read's tag, as in our driver

func doPropose(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"propose"}
	}
	n, err := s.world.node(words[0])
	if err == nil && s.world.answers(n) {
		s.world.propose(n, words[1])
	}
	return err
}

// doRead; the library knows leases for a whole node only, not for one read.
func doRead(s *script, words []string) error {
	if len(words) != 2 || len(words[1]) > tagMax {
		return unknown{"read " + strings.Join(words, " ")}
	}
	n, err := s.world.node(words[0])
	if err == nil && !n.stopped {
		s.world.read(n, words[1])
	}
	return err
}

var transitions = map[string]pb.ConfChangeTransition{
	"auto":     pb.ConfChangeTransitionAuto,
	"implicit": pb.ConfChangeTransitionJointImplicit,
	"explicit": pb.ConfChangeTransitionJointExplicit,
}

// doConf: conf ID [v4 l5 r1 ...] [joint=...]; without changes it leaves a joint configuration.
func doConf(s *script, words []string) error {
	if len(words) == 0 || twice(words) {
		return unknown{"conf"}
	}
	n, err := s.world.node(words[0])
	if err != nil || n.stopped {
		return err
	}
	var change pb.ConfChangeV2
	var named []uint64
	for _, word := range words[1:] {
		if text, is := option(word, "joint"); is {
			transition, known := transitions[text]
			if !known {
				return unknown{word}
			}
			change.Transition = transition
			continue
		}
		one, bad := pb.ConfChangesFromString(word)
		ids, known := idList(word[1:])
		named = append(named, ids...)
		if bad != nil || !known || word[0] == 'u' || !distinct(named) {
			return unknown{word}
		}
		change.Changes = append(change.Changes, one...)
	}
	if s.world.answers(n) {
		s.world.asks()
		s.world.err = n.proposeConf(change)
	}
	return nil
}

// possible: the library panics when it applies what nobody can, such as a cluster without voters;
// its user has to know before, and so asks the part of the library that reckons it.
func (n *node) possible(change pb.ConfChangeV2) bool {
	st := n.raw.Status()
	if len(st.Config.Voters[1]) > 0 { // this the library refuses by itself
		return true
	}
	voters := tracker.MakeProgressTracker(1)
	voters.Config = st.Config
	for id, progress := range st.Progress {
		kept := progress
		voters.Progress[id] = &kept
	}
	changer := confchange.Changer{Tracker: voters}
	auto, joint := change.EnterJoint()
	var err error
	if joint {
		_, _, err = changer.EnterJoint(auto, change.Changes...)
	} else if !change.LeaveJoint() { // nor is there anything to leave
		_, _, err = changer.Simple(change.Changes...)
	}
	return err == nil
}

// proposeConf; the library replaces a change that it refuses by an empty entry, without a word.
func (n *node) proposeConf(change pb.ConfChangeV2) string {
	before, _ := n.lastEntry()
	if n.leads() && !n.possible(change) {
		return "BAD_REQUEST"
	}
	var err error
	if simple := len(change.Changes) == 1 && change.Transition == pb.ConfChangeTransitionAuto; simple {
		one := change.Changes[0]
		err = n.raw.ProposeConfChange(pb.ConfChange{Type: one.Type, NodeID: one.NodeID})
	} else {
		err = n.raw.ProposeConfChange(change)
	}
	if err != nil {
		return refusal(n)
	}
	if kind, ok := unstableType(n.raw, before+1); ok && kind == pb.EntryNormal {
		return "CONF_PENDING"
	}
	return ""
}

func doTransfer(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"transfer"}
	}
	n, err := s.world.node(words[0])
	if err != nil {
		return err
	}
	to, ok := anyID(words[1])
	if !ok {
		return unknown{words[1]}
	}
	if !s.world.answers(n) {
		return nil
	}
	s.world.asks()
	if !n.leads() {
		s.world.err = "NOT_LEADER"
		return nil
	}
	peer, known := n.raw.Status().Progress[to]
	n.raw.TransferLeader(to)
	switch { // what the library ignores, it ignores without a word
	case to == n.id:
	case !known:
		s.world.err = "UNKNOWN_NODE"
	case peer.IsLearner:
		s.world.err = "REFUSED"
	default:
		s.world.giving = n
	}
	return nil
}

// given: whether the office that was to be given away is; the library ends it without a word.
func (w *world) given() {
	n := w.giving
	if n == nil || (n.running() && n.leads() && n.raw.BasicStatus().LeadTransferee != raft.None) {
		return
	}
	if n.running() && n.leads() {
		w.err = "TIMEOUT"
	}
	w.giving = nil
}

// doSnapshot: snapshot ID keep=N: of all that is applied; forget all entries of it but the newest
// N, and none while a peer that is sent an older one needs what follows that.
func doSnapshot(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"snapshot"}
	}
	n, err := s.world.live(words[0])
	if err != nil {
		return err
	}
	text, is := option(words[1], "keep")
	keep, ok := number(text)
	if !is || !ok {
		return unknown{words[1]}
	}
	if !n.running() {
		return nil
	}
	applied := n.machine.applied()
	if known := n.raw.BasicStatus().Applied; known < applied { // what it was not told of it reads
		applied = known
	}
	n.disk.made = *n.machine
	if applied > keep && !s.world.sending(n) {
		n.disk.compact(applied - keep)
	}
	return nil
}

var _ raft.Storage = (*disk)(nil)
