// world.go -- all nodes and the network between them: pumping, settling, asking.
package main

import (
	"fmt"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

const (
	nodesMax        = 63 // as in our driver
	membersMax      = 16 // of a kind, as in our core
	settleRoundsMax = 10000
)

type readState int

const (
	readPending readState = iota
	readOK
	readFailed
)

// read is one that was asked for; it fails when its node's leader changes, as etcd's server does.
type read struct {
	id    uint64
	lead  uint64
	ctx   string
	state readState
	index uint64
	sure  bool // of a pending one: it waits for its node to have applied so far
}

type world struct {
	options  options
	started  bool
	nodes    map[uint64]*node
	packets  []*packet
	cut      map[link]bool
	sent     map[link]uint64
	reads    map[string]*read
	tags     []string // of the reads, in the order of asking
	asked    uint64
	shelf    shelf
	err      string // of what was asked last: empty, or a name
	answered bool   // something was asked: err has a meaning
	giving   *node  // asked last to give its office away, and at it
	seen     *seen  // while invariants are checked
}

func worldNew() *world {
	return &world{options: optionsDefault(), nodes: map[uint64]*node{}, cut: map[link]bool{},
		sent: map[link]uint64{}, reads: map[string]*read{}}
}

// each node that exists, by id.
func (w *world) each(do func(n *node)) {
	for id := uint64(1); id <= nodesMax; id++ {
		if n := w.nodes[id]; n != nil {
			do(n)
		}
	}
}

func (w *world) start(voters, learners []uint64) {
	var change pb.ConfChangeV2
	for _, id := range voters {
		change.Changes = append(change.Changes,
			pb.ConfChangeSingle{Type: pb.ConfChangeAddNode, NodeID: id})
	}
	for _, id := range learners {
		change.Changes = append(change.Changes,
			pb.ConfChangeSingle{Type: pb.ConfChangeAddLearnerNode, NodeID: id})
	}
	data, err := change.Marshal()
	must(err)
	e := pb.Entry{Term: 1, Index: 1, Type: pb.EntryConfChangeV2, Data: data}
	conf := pb.ConfState{Voters: voters, Learners: learners}
	chanceSeed(w.options.seed)
	for _, id := range append(append([]uint64{}, voters...), learners...) {
		w.nodes[id] = nodeNew(id, &w.shelf)
		w.nodes[id].first(e, conf)
		w.nodes[id].boot(w.options)
	}
	w.started = true
}

func (w *world) add(id uint64) {
	w.nodes[id] = nodeNew(id, &w.shelf)
	w.nodes[id].boot(w.options)
}

func (w *world) crash(n *node) {
	n.crash()
	w.report(n)
	var kept []*packet
	for _, p := range w.packets {
		if !p.gated || p.message.From != n.id { // gated: it never left
			kept = append(kept, p)
		}
	}
	w.packets = kept
	for _, r := range w.reads {
		if r.id == n.id && r.state == readPending {
			r.ctx, r.sure = "", false // the next life knows nothing of it
		}
	}
}

// pump carries out all that a node is ready for; true: there was something.
func (w *world) pump(n *node) bool {
	any := false
	for n.running() && w.turn(n) {
		any = true
	}
	w.report(n)
	w.given()
	w.release()
	return any
}

func (w *world) turn(n *node) bool {
	moved := n.complete()
	if !n.raw.HasReady() {
		return moved
	}
	rd := n.raw.Ready()
	before := n.issued
	written, elected := n.save(rd)
	if n.stopped {
		return false
	}
	moved = moved || written || rd.SoftState != nil || len(rd.Messages) > 0
	gate := n.issued
	if n.leads() && !elected {
		gate = before // a leader's appends need not wait for its own copy of them (thesis 10.2.1)
	}
	for _, m := range rd.Messages {
		w.send(m, gate)
	}
	for _, s := range rd.ReadStates {
		w.answer(n, s)
		moved = true
	}
	if rd.SoftState != nil {
		w.failReads(n, rd.SoftState.Lead)
	}
	moved = n.complete() || moved
	moved = n.apply(rd) || moved
	w.serve(n)
	n.advance(rd)
	return moved
}

// settle: pump and deliver until nothing moves; false when it does not end.
func (w *world) settle() bool {
	for i := 0; i < settleRoundsMax; i++ {
		any := false
		w.each(func(n *node) { any = w.pump(n) || any })
		if w.deliver(filter{0, 0, anyType}) == 0 && !any {
			return true
		}
	}
	return false
}

// answers: a node that is down takes nothing, and the line has been obeyed.
func (w *world) answers(n *node) bool {
	if !n.up {
		w.asks()
		w.err = "PEER_GONE"
	}
	return n.running()
}

// asks: something new; what was asked before is not told of any more.
func (w *world) asks() { w.err, w.giving, w.answered = "", nil, true }

func (w *world) propose(n *node, data string) {
	w.asks()
	if err := n.raw.Propose([]byte(data)); err != nil {
		w.err = refusal(n)
	}
}

// refusal: the library has one error for all that it drops.
func refusal(n *node) string {
	if !n.leads() {
		return "NOT_LEADER"
	}
	return "BUSY"
}

func (w *world) read(n *node, tag string) {
	w.asked++
	r := &read{id: n.id, ctx: fmt.Sprint(tag, "#", w.asked)}
	if w.reads[tag] == nil {
		w.tags = append(w.tags, tag)
	}
	w.reads[tag] = r
	w.asks()
	if !n.up {
		w.err, r.state, r.ctx = "PEER_GONE", readFailed, ""
		return
	}
	r.lead = n.raw.BasicStatus().Lead
	if r.lead == raft.None { // dropped by the library without a word
		w.err = "NO_LEADER"
		r.state = readFailed
		return
	}
	n.raw.ReadIndex([]byte(r.ctx))
}

func (w *world) answer(n *node, s raft.ReadState) {
	for _, r := range w.reads {
		if r.id == n.id && r.state == readPending && r.ctx == string(s.RequestCtx) {
			r.sure, r.index = true, s.Index
		}
	}
}

// serve: what is confirmed and applied is read.
func (w *world) serve(n *node) {
	for _, r := range w.reads {
		if r.id == n.id && r.sure && r.index <= n.machine.applied() {
			r.state, r.sure = readOK, false
		}
	}
}

func (w *world) failReads(n *node, lead uint64) {
	for _, r := range w.reads {
		if r.id == n.id && r.state == readPending && !r.sure && r.ctx != "" && r.lead != lead {
			r.state = readFailed
		}
	}
}
