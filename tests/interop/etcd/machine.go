// machine.go -- the state machine: all that was applied, in order; it survives a crash.
package main

import (
	"encoding/binary"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

type machine struct {
	history []pb.Entry // history[i] has index i+1
	conf    pb.ConfState
	shelf   *shelf
}

// shelf holds the states that snapshots speak of; a snapshot's bytes are a place on it.
type shelf struct {
	states []machine
}

func (m *machine) applied() uint64 { return uint64(len(m.history)) }

// apply one entry. Entry 1 is the initial configuration, member by member: the library takes no
// joint step out of an empty one.
func (m *machine) apply(e pb.Entry, raw *raft.RawNode) {
	m.history = append(m.history[:len(m.history):len(m.history)], e)
	switch {
	case e.Type == pb.EntryConfChange:
		var change pb.ConfChange
		must(change.Unmarshal(e.Data))
		m.conf = *raw.ApplyConfChange(change)
	case e.Type == pb.EntryConfChangeV2 && e.Index > 1:
		var change pb.ConfChangeV2
		must(change.Unmarshal(e.Data))
		m.conf = *raw.ApplyConfChange(change)
	case e.Type == pb.EntryConfChangeV2:
		var change pb.ConfChangeV2
		must(change.Unmarshal(e.Data))
		for _, one := range change.Changes {
			m.conf = *raw.ApplyConfChange(pb.ConfChange{Type: one.Type, NodeID: one.NodeID})
		}
	}
}

func (m *machine) snapshot() pb.Snapshot {
	m.shelf.states = append(m.shelf.states, *m)
	data := make([]byte, 8)
	binary.BigEndian.PutUint64(data, uint64(len(m.shelf.states)-1))
	meta := pb.SnapshotMetadata{ConfState: m.conf, Index: m.applied()}
	if m.applied() > 0 {
		meta.Term = m.history[m.applied()-1].Term
	}
	return pb.Snapshot{Data: data, Metadata: meta}
}

func (m *machine) restore(s pb.Snapshot) {
	*m = m.shelf.states[binary.BigEndian.Uint64(s.Data)]
}

// commands in order; the entry that opens a term is empty and none.
func (m *machine) commands() []string {
	var out []string
	for _, e := range m.history {
		if e.Type == pb.EntryNormal && len(e.Data) > 0 {
			out = append(out, string(e.Data))
		}
	}
	return out
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
