// values.go -- what a node tells of itself, written as scripts write it.
package main

import (
	"fmt"
	"regexp"
	"sort"
	"strings"

	"go.etcd.io/etcd/raft"
	"go.etcd.io/etcd/raft/tracker"
)

// value as text; number for ordering comparisons.
type value struct {
	text    string
	number  uint64
	ordered bool
}

func numberValue(n uint64) value { return value{fmt.Sprint(n), n, true} }

var roles = map[raft.StateType]string{
	raft.StateFollower:     "follower",
	raft.StatePreCandidate: "precandidate",
	raft.StateCandidate:    "candidate",
	raft.StateLeader:       "leader",
}

var progressNames = map[tracker.StateType]string{
	tracker.StateProbe:     "probe",
	tracker.StateReplicate: "replicate",
	tracker.StateSnapshot:  "snapshot",
}

func (n *node) value(key string) (value, bool) {
	st := n.raw.BasicStatus()
	switch key {
	case "term":
		return numberValue(st.Term), true
	case "vote":
		return numberValue(st.Vote), true
	case "commit":
		return numberValue(st.Commit), true
	case "lead":
		return numberValue(st.Lead), true
	case "applied":
		return numberValue(n.machine.applied()), true
	case "first":
		return numberValue(n.disk.written.base + 1), true
	case "last":
		index, term := n.lastEntry()
		return value{fmt.Sprintf("%d/%d", index, term), index, true}, true
	case "role":
		if n.stopped {
			return value{text: "stopped"}, true
		}
		return value{text: roles[st.RaftState]}, true
	case "config":
		return value{text: n.config()}, true
	case "app":
		return value{text: strings.Join(n.machine.commands(), ",")}, true
	}
	return n.peerValue(key)
}

// peerValue: state(P), match(P), next(P), known on the leader.
func (n *node) peerValue(key string) (value, bool) {
	open := strings.IndexByte(key, '(')
	if open < 0 || !strings.HasSuffix(key, ")") {
		return value{}, false
	}
	id, ok := anyID(key[open+1 : len(key)-1])
	what := key[:open]
	if !ok || (what != "state" && what != "match" && what != "next") {
		return value{}, false
	}
	peer, known := n.raw.Status().Progress[id]
	switch {
	case !known:
		return value{text: "none"}, true
	case what == "state":
		return value{text: progressNames[peer.State]}, true
	case what == "match":
		return numberValue(peer.Match), true
	}
	return numberValue(peer.Next), true
}

// config in force: voters, outgoing voters of a joint one, learners.
func (n *node) config() string {
	c := n.raw.Status().Config
	var parts []string
	for _, part := range []struct {
		prefix string
		ids    map[uint64]struct{}
	}{{"v", c.Voters[0]}, {"o", c.Voters[1]}, {"l", c.Learners}} {
		if len(part.ids) > 0 {
			parts = append(parts, part.prefix+joined(part.ids))
		}
	}
	return strings.Join(parts, "/")
}

func joined(set map[uint64]struct{}) string {
	var ids []int
	for id := range set {
		ids = append(ids, int(id))
	}
	sort.Ints(ids)
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(ids), " ", ","), "[]")
}

// compare one word of an `expect`: key, operator, value.
func (n *node) compare(word string) error {
	at := strings.IndexAny(word, "=!<>")
	if at <= 0 {
		return unknown{word}
	}
	key, op, wanted := word[:at], word[at], word[at+1:]
	if op != '=' {
		if !strings.HasPrefix(wanted, "=") {
			return unknown{word}
		}
		wanted = wanted[1:]
	}
	if !wellFormed(key, op, wanted) {
		return unknown{word}
	}
	if !n.up {
		return failf("node %d is down", n.id)
	}
	v, known := n.value(key)
	if !known {
		return unknown{word}
	}
	good := v.holds(key, op, wanted)
	if !good {
		return failf("node %d: expected %s, found %s=%s", n.id, word, key, v.text)
	}
	return nil
}

// forms of what a script may want of a key, as our driver reads them.
var forms = map[string]*regexp.Regexp{
	"term": digits, "commit": digits, "applied": digits, "first": digits, "vote": id, "lead": id,
	"match": id, "next": id, "last": regexp.MustCompile(`^\d+/\d+$`),
	"role":   regexp.MustCompile(`^(follower|pre-?candidate|candidate|leader|stopped)$`),
	"state":  regexp.MustCompile(`^(probe|replicate|snapshot|none)$`),
	"config": regexp.MustCompile(`^([vol]\d+(,\d+)*(/[vol]\d+(,\d+)*)*)?$`),
	"app":    regexp.MustCompile(``),
}

var digits, id = regexp.MustCompile(`^\d+$`), regexp.MustCompile(`^(\d+|none)$`)

func wellFormed(key string, op byte, wanted string) bool {
	name := strings.SplitN(key, "(", 2)[0]
	if op == '<' || op == '>' {
		index := strings.SplitN(wanted, "/", 2)[0]
		_, ok := number(index)
		switch name {
		case "role", "state", "config", "app":
			return false
		case "last":
			return ok && (wanted == index || forms[name].MatchString(wanted))
		}
		return ok && wanted == index
	}
	return forms[name] != nil && forms[name].MatchString(wanted)
}

// holds: a value that is none is neither more nor less than anything.
func (v value) holds(key string, op byte, wanted string) bool {
	same := v.text == wanted
	if key == "role" && wanted == "pre-candidate" {
		same = v.text == "precandidate"
	}
	if (key == "vote" || key == "lead") && wanted == "none" {
		same = v.number == 0
	}
	if op == '=' || op == '!' {
		return same == (op == '=')
	}
	bound, _ := number(strings.SplitN(wanted, "/", 2)[0])
	if op == '>' {
		return v.ordered && v.number >= bound
	}
	return v.ordered && v.number <= bound
}
