// words.go -- the parts that lines are made of.
package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	pb "go.etcd.io/etcd/raft/raftpb"
)

// unknown: a line that is not understood; the script cannot be judged.
type unknown struct{ what string }

func (u unknown) Error() string { return "not understood: " + u.what }

// failed: an expectation that does not hold.
type failed struct{ what string }

func (f failed) Error() string { return f.what }

func failf(format string, v ...interface{}) error { return failed{fmt.Sprintf(format, v...)} }

func number(text string) (uint64, bool) {
	n, err := strconv.ParseUint(text, 10, 64)
	return n, err == nil
}

const ticksMax = 100000 // of one line, as in our driver

// count: how often, or how many ticks.
func count(text string) (uint64, bool) {
	n, ok := number(text)
	return n, ok && n <= ticksMax
}

var rates = regexp.MustCompile(`^([0-9]{0,2})(?:\.([0-9]{1,6}))?$`)

// rate in parts of a tick: 0.9 or .9; what else strconv takes for a number is not understood.
func rate(text string) (int64, bool) {
	digits := rates.FindStringSubmatch(text)
	if digits == nil {
		return 0, false
	}
	parts, err := strconv.ParseInt(digits[1]+(digits[2] + "000000")[:6], 10, 64)
	return parts, err == nil && parts > 0
}

// option: the value of "name=value".
func option(word, name string) (string, bool) {
	if strings.HasPrefix(word, name+"=") {
		return word[len(name)+1:], true
	}
	return "", false
}

// twice: two options have one name.
func twice(words []string) bool {
	seen := map[string]bool{}
	for _, word := range words {
		name, _, is := strings.Cut(word, "=")
		if is && seen[name] {
			return true
		}
		seen[name] = is
	}
	return false
}

// anyID: of a node that need not be there.
func anyID(text string) (uint64, bool) {
	id, ok := number(text)
	return id, ok && id > 0 && id <= nodesMax
}

// idList: ids that need not exist yet.
func idList(text string) ([]uint64, bool) {
	var ids []uint64
	for _, word := range strings.Split(text, ",") {
		id, ok := anyID(word)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

func distinct(ids []uint64) bool {
	seen := map[uint64]bool{}
	for _, id := range ids {
		seen[id] = true
	}
	return len(seen) == len(ids)
}

// node that exists.
func (w *world) node(text string) (*node, error) {
	id, ok := number(text)
	if !ok || w.nodes[id] == nil {
		return nil, unknown{text}
	}
	return w.nodes[id], nil
}

// live node.
func (w *world) live(text string) (*node, error) {
	n, err := w.node(text)
	if err == nil && !n.up {
		err = failf("node %d is down", n.id)
	}
	return n, err
}

func (w *world) nodeList(text string) ([]*node, error) {
	var out []*node
	for _, word := range strings.Split(text, ",") {
		n, err := w.node(word)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// linkOf: "A>B", * for any; a node that is not there yet has links, none has one to itself.
func linkOf(text string) (link, error) {
	var ends [2]uint64
	words := strings.Split(text, ">")
	if len(words) != 2 {
		return link{}, unknown{text}
	}
	for i, word := range words {
		if word == "*" {
			continue
		}
		id, ok := anyID(word)
		if !ok {
			return link{}, unknown{text}
		}
		ends[i] = id
	}
	if ends[0] == ends[1] && ends[0] != 0 {
		return link{}, unknown{text}
	}
	return link{ends[0], ends[1]}, nil
}

// kinds: names of messages in scripts. What the library has no message for is not understood.
var kinds = map[string]pb.MessageType{
	"prevote":         pb.MsgPreVote,
	"prevote_reply":   pb.MsgPreVoteResp,
	"prevoteresp":     pb.MsgPreVoteResp,
	"vote":            pb.MsgVote,
	"vote_reply":      pb.MsgVoteResp,
	"voteresp":        pb.MsgVoteResp,
	"append":          pb.MsgApp,
	"app":             pb.MsgApp,
	"append_reply":    pb.MsgAppResp,
	"appendresp":      pb.MsgAppResp,
	"appresp":         pb.MsgAppResp,
	"heartbeat":       pb.MsgHeartbeat,
	"heartbeat_reply": pb.MsgHeartbeatResp,
	"heartbeatresp":   pb.MsgHeartbeatResp,
	"read":            pb.MsgReadIndex,
	"read_reply":      pb.MsgReadIndexResp,
	"readresp":        pb.MsgReadIndexResp,
	"snapshot":        pb.MsgSnap,
	"snap":            pb.MsgSnap,
	"timeout_now":     pb.MsgTimeoutNow,
	"timeoutnow":      pb.MsgTimeoutNow,
}

// filterOf: "A>B" and perhaps "type=T".
func filterOf(words []string) (filter, error) {
	if len(words) < 1 || len(words) > 2 {
		return filter{}, unknown{strings.Join(words, " ")}
	}
	l, err := linkOf(words[0])
	f := filter{l.from, l.to, anyType}
	if err == nil && len(words) == 2 {
		name, named := option(words[1], "type")
		kind, known := kinds[name]
		if !named || !known {
			return f, unknown{words[1]}
		}
		f.kind = kind
	}
	return f, err
}
