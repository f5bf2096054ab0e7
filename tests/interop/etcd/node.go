// node.go -- one member: boots, carries out what the core is ready for, tells it what is done.
//
// The library is used as it asks for: write, then send, then apply, then Advance. So that a disk
// may be held, Ready is taken again before the disk has told: it then names what was named before
// and what is new, and Advance is told of the part that is durable and applied.
package main

import (
	"math"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

const tickParts = 1000000 // clocks run in millionths of a tick, as fine as a rate can be

// write is one that was carried out and is not durable yet.
type write struct {
	ticket uint64
	due    int64
	image  image
}

type node struct {
	id        uint64
	up        bool
	stopped   bool // its disk failed
	raw       *raft.RawNode
	disk      *disk
	machine   *machine
	hold      bool
	fail      bool
	lose      bool
	torn      bool
	slow      int64
	applyHold bool
	writes    []write
	senders   []uint64 // of a snapshot that is being installed
	issued    uint64   // newest ticket
	done      uint64   // newest ticket that is durable
	clock     int64
	rate      int64
	ticked    int64 // the core has been told the time up to here
}

func nodeNew(id uint64, shelf *shelf) *node {
	n := &node{id: id, rate: tickParts}
	n.wipe(shelf)
	return n
}

func (n *node) wipe(shelf *shelf) {
	n.machine = &machine{shelf: shelf}
	n.disk = &disk{machine: n.machine}
}

// install what a snapshot is of; from now on it is the newest one here.
func (n *node) install(s pb.Snapshot) {
	n.machine.restore(s)
	n.disk.made = *n.machine
}

// first gives the node the initial configuration as entry 1 of term 1, committed and applied.
func (n *node) first(e pb.Entry, conf pb.ConfState) {
	n.machine.history = []pb.Entry{e}
	n.machine.conf = conf
	hard := pb.HardState{Term: 1, Commit: 1}
	n.disk.written = image{entries: []pb.Entry{e}, hard: hard}
	n.disk.durable = n.disk.written
}

func (n *node) boot(o options) {
	n.hold, n.fail, n.applyHold, n.stopped = false, false, false, false
	n.writes = nil
	n.done = n.issued
	if n.disk.written.base > n.machine.applied() { // in the log, not in the state machine yet
		n.install(n.disk.written.snapshot)
	}
	hard := &n.disk.written.hard
	if hard.Commit < n.machine.applied() { // a commit index is not synced, what was applied is
		hard.Commit = n.machine.applied()
	}
	n.disk.durable = n.disk.written
	config := o.config
	config.ID = n.id
	config.Storage = n.disk
	config.Applied = n.machine.applied()
	raw, err := raft.NewRawNode(&config)
	must(err)
	n.raw = raw
	n.up = true
}

func (n *node) crash() {
	if last := len(n.writes) - 1; n.torn && last > 0 { // half of the newest is found torn and cut off
		n.disk.durable = n.writes[last-1].image
	}
	if n.lose || (n.torn && len(n.writes) > 0) {
		n.disk.written = n.disk.durable
	}
	n.disk.durable = n.disk.written
	n.up, n.stopped, n.lose, n.torn, n.writes = false, false, false, false, nil
}

func (n *node) running() bool { return n.up && !n.stopped }

func (n *node) leads() bool { return n.raw.BasicStatus().RaftState == raft.StateLeader }

func (n *node) tick() {
	n.clock += n.rate
	for n.running() && n.ticked+tickParts <= n.clock {
		n.ticked += tickParts
		if !installing(n.raw) { // its election timeout would make this version panic
			n.raw.Tick()
		}
	}
	if !n.running() {
		n.ticked = n.clock
	}
}

// complete: writes whose time has come are durable.
func (n *node) complete() bool {
	moved := false
	for !n.hold && !n.fail && len(n.writes) > 0 && n.writes[0].due <= n.clock {
		n.disk.durable = n.writes[0].image
		n.done = n.writes[0].ticket
		n.writes = n.writes[1:]
		moved = true
	}
	return moved
}

// save writes what Ready names and the disk does not have. elected: term or vote are new.
func (n *node) save(rd raft.Ready) (written, elected bool) {
	img := n.disk.written
	if at := rd.Snapshot.Metadata.Index; at > img.base {
		img.base, img.baseTerm, img.entries = at, rd.Snapshot.Metadata.Term, nil
		img.snapshot = rd.Snapshot
		written = true
	}
	for i, e := range rd.Entries {
		if !img.has(e) {
			img = img.with(rd.Entries[i:])
			written = true
			break
		}
	}
	if !raft.IsEmptyHardState(rd.HardState) {
		elected = rd.Term != img.hard.Term || rd.Vote != img.hard.Vote
		img.hard = rd.HardState
	}
	written = written || elected
	if written && n.fail {
		n.stopped = true
		return true, elected
	}
	n.disk.written = img
	if written {
		n.issued++
		n.writes = append(n.writes, write{n.issued, n.clock + n.slow*tickParts, img})
	}
	return written, elected
}

// apply what is committed and durable here.
func (n *node) apply(rd raft.Ready) bool {
	moved := false
	if n.applyHold {
		return false
	}
	durable := n.disk.durable
	at := rd.Snapshot.Metadata.Index
	if at > n.machine.applied() && durable.base >= at {
		n.install(rd.Snapshot)
		moved = true
	}
	for _, e := range rd.CommittedEntries {
		if e.Index <= n.machine.applied() {
			continue
		}
		if e.Index != n.machine.applied()+1 || !durable.has(e) {
			break
		}
		n.machine.apply(e, n.raw)
		moved = true
	}
	return moved
}

// advance tells the core which part of a Ready is done.
func (n *node) advance(rd raft.Ready) {
	var done raft.Ready
	durable := n.disk.durable
	done.HardState = pb.HardState{Term: durable.hard.Term, Vote: durable.hard.Vote,
		Commit: n.disk.written.hard.Commit}
	at := rd.Snapshot.Metadata.Index
	restored := at > 0 && durable.base >= at && n.machine.applied() >= at
	if restored {
		done.Snapshot = rd.Snapshot
	}
	for i, e := range rd.Entries {
		if !durable.has(e) || (at > 0 && !restored) { // what follows a snapshot comes after it
			break
		}
		done.Entries = rd.Entries[:i+1]
	}
	for i, e := range rd.CommittedEntries {
		if e.Index > n.machine.applied() {
			break
		}
		done.CommittedEntries = rd.CommittedEntries[:i+1]
	}
	n.raw.Advance(done)
}

// lastEntry of the log as the core sees it, written or not.
func (n *node) lastEntry() (index, term uint64) {
	offset, terms := unstableTerms(n.raw)
	if len(terms) > 0 {
		return offset + uint64(len(terms)) - 1, terms[len(terms)-1]
	}
	index = n.disk.written.last()
	term, _ = n.disk.written.term(index)
	return index, term
}

// termAt: term of an entry of the log as the core sees it; 0 when it is not there.
func (n *node) termAt(index uint64) uint64 {
	offset, terms := unstableTerms(n.raw)
	if index >= offset && len(terms) > 0 {
		if index-offset < uint64(len(terms)) {
			return terms[index-offset]
		}
		return 0
	}
	term, _ := n.disk.written.term(index)
	return term
}

// options of a cluster that its nodes boot with.
type options struct {
	config raft.Config
	seed   uint64
}

func optionsDefault() options {
	return options{seed: 1, config: raft.Config{
		ElectionTick:              10,
		HeartbeatTick:             1,
		MaxSizePerMsg:             math.MaxUint64,
		MaxCommittedSizePerReady:  math.MaxUint64,
		MaxInflightMsgs:           128,
		CheckQuorum:               true,
		PreVote:                   true,
		DisableProposalForwarding: true,
		Logger:                    quiet{},
	}}
}
