// network.go -- messages on their way: held until delivered, dropped, doubled, reordered.
package main

import (
	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

type link struct{ from, to uint64 }

// packet leaves when its sender's disk is as far as gate.
type packet struct {
	message pb.Message
	gate    uint64
	gated   bool
}

// filter of packets; 0 and anyType stand for all.
type filter struct {
	from, to uint64
	kind     pb.MessageType
}

const anyType = pb.MessageType(-1)

func (f filter) takes(p *packet) bool {
	return !p.gated && (f.from == 0 || p.message.From == f.from) &&
		(f.to == 0 || p.message.To == f.to) && (f.kind == anyType || p.message.Type == f.kind)
}

func (w *world) send(m pb.Message, gate uint64) {
	m.Entries = append([]pb.Entry(nil), m.Entries...) // the library appends to slices in place
	w.sent[link{m.From, m.To}]++
	w.packets = append(w.packets, &packet{message: m, gate: gate, gated: true})
}

// release: packets whose sender's disk is far enough are on their way; a cut link loses them.
func (w *world) release() {
	kept := w.packets[:0]
	var lost []*packet
	for _, p := range w.packets {
		p.gated = p.gated && p.gate > w.nodes[p.message.From].done
		if !p.gated && w.cut[link{p.message.From, p.message.To}] {
			lost = append(lost, p)
		} else {
			kept = append(kept, p)
		}
	}
	w.packets = kept
	for _, p := range lost {
		w.lost(p)
	}
}

// lost: the sender of a snapshot is told what became of it, as the library demands.
func (w *world) lost(p *packet) {
	n := w.nodes[p.message.From]
	if p.message.Type == pb.MsgSnap && n.running() {
		n.raw.ReportSnapshot(p.message.To, raft.SnapshotFailure)
	}
}

func (w *world) arrive(p *packet) {
	m := p.message
	n := w.nodes[m.To]
	if n == nil || !n.running() || w.cut[link{m.From, m.To}] {
		w.lost(p)
		return
	}
	_ = n.raw.Step(m) // an error says that the message was not for it
	if m.Type == pb.MsgSnap {
		n.senders = append(n.senders, m.From)
		w.report(n)
	}
}

// report: who sent a snapshot hears when it is installed, or that its receiver fell before.
func (w *world) report(n *node) {
	how := raft.SnapshotFinish
	if !n.running() {
		how = raft.SnapshotFailure
	} else if installing(n.raw) {
		return
	}
	for _, id := range n.senders {
		if from := w.nodes[id]; from.running() {
			from.raw.ReportSnapshot(n.id, how)
		}
	}
	n.senders = nil
}

// sending: a snapshot of this node is on its way, or is being installed.
func (w *world) sending(n *node) bool {
	found := false
	for _, p := range w.packets {
		found = found || p.message.Type == pb.MsgSnap && p.message.From == n.id
	}
	w.each(func(to *node) {
		for _, id := range to.senders {
			found = found || id == n.id
		}
	})
	return found
}

// deliver what waits now; what its arrival causes waits for a pump.
func (w *world) deliver(f filter) int {
	var taken, kept []*packet
	for _, p := range w.packets {
		if f.takes(p) {
			taken = append(taken, p)
		} else {
			kept = append(kept, p)
		}
	}
	w.packets = kept
	for _, p := range taken {
		w.arrive(p)
	}
	return len(taken)
}

func (w *world) drop(f filter) {
	var kept, lost []*packet
	for _, p := range w.packets {
		if f.takes(p) {
			lost = append(lost, p)
		} else {
			kept = append(kept, p)
		}
	}
	w.packets = kept
	for _, p := range lost {
		w.lost(p)
	}
}

func (w *world) dup(f filter) {
	for _, p := range w.packets[:len(w.packets):len(w.packets)] {
		if f.takes(p) {
			again := *p
			again.message.Entries = append([]pb.Entry(nil), p.message.Entries...)
			w.packets = append(w.packets, &again)
		}
	}
}

func (w *world) reorder(f filter) {
	var places []int
	for i, p := range w.packets {
		if f.takes(p) {
			places = append(places, i)
		}
	}
	for i, k := 0, len(places)-1; i < k; i, k = i+1, k-1 {
		a, b := places[i], places[k]
		w.packets[a], w.packets[b] = w.packets[b], w.packets[a]
	}
}

func (w *world) count(f filter) uint64 {
	count := uint64(0)
	for _, p := range w.packets {
		if f.takes(p) {
			count++
		}
	}
	return count
}
