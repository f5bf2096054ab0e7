// requests.go -- lines that ask a node for something: propose, read, conf, transfer, snapshot.
package main

import (
	"strings"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

func doPropose(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"propose"}
	}
	n, err := s.world.live(words[0])
	if err == nil && n.running() {
		s.world.propose(n, words[1])
	}
	return err
}

// doRead; the library knows leases for a whole node only, not for one read.
func doRead(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"read " + strings.Join(words, " ")}
	}
	n, err := s.world.live(words[0])
	if err == nil && n.running() {
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
	if len(words) == 0 {
		return unknown{"conf"}
	}
	n, err := s.world.live(words[0])
	if err != nil || !n.running() {
		return err
	}
	var change pb.ConfChangeV2
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
		if bad != nil || word[0] == 'u' {
			return unknown{word}
		}
		change.Changes = append(change.Changes, one...)
	}
	s.world.err = n.proposeConf(change)
	return nil
}

// proposeConf; the library replaces a change that it refuses by an empty entry, without a word.
func (n *node) proposeConf(change pb.ConfChangeV2) string {
	before, _ := n.lastEntry()
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
		return "REFUSED"
	}
	return ""
}

func doTransfer(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"transfer"}
	}
	n, err := s.world.live(words[0])
	if err != nil {
		return err
	}
	to, err := s.world.node(words[1])
	if err != nil || !n.running() {
		return err
	}
	s.world.err = ""
	if !n.leads() {
		s.world.err = "NOT_LEADER"
		return nil
	}
	peer, known := n.raw.Status().Progress[to.id]
	n.raw.TransferLeader(to.id)
	if !known || peer.IsLearner || to == n { // ignored by the library without a word
		s.world.err = "REFUSED"
	}
	return nil
}

// doSnapshot: snapshot ID keep=N: forget all applied entries but the newest N.
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
	if applied > keep {
		n.disk.compact(applied - keep)
	}
	return nil
}

var _ raft.Storage = (*disk)(nil)
