// disk.go -- what a node has written, what of it is durable, and the library's view of it.
package main

import (
	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

// image is the content of a disk at one moment. Entries are never changed in place, so that an
// older image stays what it was.
type image struct {
	base     uint64 // the log begins after it: index of the newest snapshot that replaced entries
	baseTerm uint64
	entries  []pb.Entry
	hard     pb.HardState
	snapshot pb.Snapshot // the newest that was installed
}

func (m image) last() uint64 { return m.base + uint64(len(m.entries)) }

func (m image) term(index uint64) (uint64, bool) {
	switch {
	case index < m.base || index > m.last():
		return 0, false
	case index == m.base:
		return m.baseTerm, true
	}
	return m.entries[index-m.base-1].Term, true
}

func (m image) has(e pb.Entry) bool {
	term, ok := m.term(e.Index)
	return ok && term == e.Term
}

// with appends entries, over whatever was there from the first of them on.
func (m image) with(entries []pb.Entry) image {
	kept := entries[0].Index - m.base - 1
	m.entries = append(append([]pb.Entry{}, m.entries[:kept]...), entries...)
	return m
}

type disk struct {
	written image
	durable image
	machine *machine
	made    machine // the newest snapshot, which is the one that is sent
}

func (d *disk) InitialState() (pb.HardState, pb.ConfState, error) {
	return d.written.hard, d.machine.conf, nil
}

func (d *disk) FirstIndex() (uint64, error) { return d.written.base + 1, nil }

func (d *disk) LastIndex() (uint64, error) { return d.written.last(), nil }

func (d *disk) Term(index uint64) (uint64, error) {
	if index < d.written.base {
		return 0, raft.ErrCompacted
	}
	term, ok := d.written.term(index)
	if !ok {
		return 0, raft.ErrUnavailable
	}
	return term, nil
}

// Entries lo..hi-1, at least one, as many as max bytes hold.
func (d *disk) Entries(lo, hi, max uint64) ([]pb.Entry, error) {
	if lo <= d.written.base {
		return nil, raft.ErrCompacted
	}
	if hi > d.written.last()+1 {
		return nil, raft.ErrUnavailable
	}
	entries := d.written.entries[lo-d.written.base-1 : hi-d.written.base-1]
	size := uint64(0)
	for i := range entries {
		size += uint64(entries[i].Size())
		if i > 0 && size > max {
			return entries[:i:i], nil
		}
	}
	return entries[:len(entries):len(entries)], nil
}

// Snapshot: the newest; a new one where members have changed, for the library takes none in which
// it does not find itself.
func (d *disk) Snapshot() (pb.Snapshot, error) {
	if d.made.conf.Equivalent(d.machine.conf) != nil {
		d.made = *d.machine
	}
	return d.made.snapshot(), nil
}

// compact forgets entries up to index, which must be applied.
func (d *disk) compact(index uint64) {
	for _, m := range []*image{&d.written, &d.durable} {
		term, ok := m.term(index)
		if ok && index > m.base {
			m.entries = append([]pb.Entry{}, m.entries[index-m.base:]...)
			m.base, m.baseTerm = index, term
		}
	}
}
