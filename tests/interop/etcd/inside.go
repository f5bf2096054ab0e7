// inside.go -- what the library does not tell, read without changing it; and its chance, seeded.
//
// Why: a script asks for the last entry of a log while the disk holds it back, and a run must be
// the same twice. The library keeps both to itself.
package main

import (
	"math/rand"
	"reflect"
	"sync"
	"unsafe"

	"go.etcd.io/etcd/raft"
	pb "go.etcd.io/etcd/raft/raftpb"
)

// chance has the shape of the library's own source of random timeouts.
type chance struct {
	mu   sync.Mutex
	rand *rand.Rand
}

//go:linkname libraryChance go.etcd.io/etcd/raft.globalRand
var libraryChance unsafe.Pointer

func chanceSeed(seed uint64) {
	(*chance)(libraryChance).rand = rand.New(rand.NewSource(int64(seed)))
}

// unstableTerms: terms of the entries that the core does not know to be on disk, and the index of
// the first of them.
func unstableTerms(raw *raft.RawNode) (offset uint64, terms []uint64) {
	core := reflect.ValueOf(raw).Elem().FieldByName("raft").Elem()
	unstable := core.FieldByName("raftLog").Elem().FieldByName("unstable")
	entries := unstable.FieldByName("entries")
	for i := 0; i < entries.Len(); i++ {
		terms = append(terms, entries.Index(i).FieldByName("Term").Uint())
	}
	return unstable.FieldByName("offset").Uint(), terms
}

// unstableType: kind of an entry that the core does not know to be on disk.
func unstableType(raw *raft.RawNode, index uint64) (pb.EntryType, bool) {
	core := reflect.ValueOf(raw).Elem().FieldByName("raft").Elem()
	unstable := core.FieldByName("raftLog").Elem().FieldByName("unstable")
	entries, offset := unstable.FieldByName("entries"), unstable.FieldByName("offset").Uint()
	if index < offset || index-offset >= uint64(entries.Len()) {
		return 0, false
	}
	return pb.EntryType(entries.Index(int(index - offset)).FieldByName("Type").Int()), true
}

// installing: the core was sent a snapshot and has not been told that it is there.
func installing(raw *raft.RawNode) bool {
	core := reflect.ValueOf(raw).Elem().FieldByName("raft").Elem()
	return !core.FieldByName("raftLog").Elem().FieldByName("unstable").FieldByName("snapshot").IsNil()
}
