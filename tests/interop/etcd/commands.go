// commands.go -- what a line other than `expect` does.
package main

import (
	"math"
	"strings"
	"unicode/utf8"
)

type script struct {
	world  *world
	checks int
	fails  int
}

type command func(s *script, words []string) error

// commands: words exclude the command itself. Filled in init: expect needs the table's type.
var commands map[string]command

func init() {
	commands = map[string]command{
		"cluster": doCluster, "node": doNode, "tick": doTick, "run": doRun,
		"campaign": doCampaign, "pump": doPump, "settle": doSettle,
		"deliver": doDeliver, "drop": doDrop, "dup": doDup, "reorder": doReorder,
		"cut": doCut, "heal": doHeal, "disk": doDisk, "apply": doApply,
		"propose": doPropose, "read": doRead, "conf": doConf, "transfer": doTransfer,
		"snapshot": doSnapshot, "crash": doCrash, "restart": doRestart, "clock": doClock,
		"expect": doExpect, "invariants": doInvariants,
	}
}

// line runs one; failed and unknown are what it may come to.
func (s *script) line(text string) error {
	if !utf8.ValidString(text) {
		return unknown{"bytes that are no text"}
	}
	if hash := strings.IndexByte(text, '#'); hash >= 0 {
		text = text[:hash]
	}
	words := strings.Fields(text)
	if len(words) == 0 {
		return nil
	}
	do := commands[words[0]]
	if do == nil {
		return unknown{words[0]}
	}
	early := words[0] == "cluster" || words[0] == "invariants"
	if !early && !s.world.started {
		return unknown{"a command before `cluster`"}
	}
	if err := do(s, words[1:]); err != nil {
		return err
	}
	if err := s.world.check(); err != nil {
		s.checks++
		return err
	}
	return nil
}

func doCluster(s *script, words []string) error {
	var voters, learners []uint64
	if s.world.started {
		return unknown{"a second cluster"}
	}
	if twice(words) {
		return unknown{"an option twice"}
	}
	for _, word := range words {
		ok := false
		if text, is := option(word, "voters"); is {
			voters, ok = idList(text)
		} else if text, is := option(word, "learners"); is {
			learners, ok = idList(text)
		} else {
			ok = s.world.options.set(word)
		}
		if !ok {
			return unknown{word}
		}
	}
	if len(voters) > membersMax || len(learners) > membersMax {
		return unknown{"so many members"}
	}
	if len(voters) == 0 || !distinct(append(voters[:len(voters):len(voters)], learners...)) {
		return unknown{"a cluster without voters, or a member twice"}
	}
	s.world.start(voters, learners)
	return nil
}

func (o *options) set(word string) bool {
	at := strings.IndexByte(word, '=')
	if at < 0 {
		return false
	}
	n, ok := number(word[at+1:])
	switch word[:at] {
	case "prevote":
		o.config.PreVote = n == 1
		return ok && n <= 1
	case "checkquorum":
		o.config.CheckQuorum = n == 1
		return ok && n <= 1
	case "inflight":
		o.config.MaxInflightMsgs = math.MaxInt32
		if n < math.MaxInt32 {
			o.config.MaxInflightMsgs = int(n)
		}
		return ok && n > 0
	case "maxmsg": // 0: one entry a message
		o.config.MaxSizePerMsg = n
	case "maxcommit":
		o.config.MaxCommittedSizePerReady = n
		if n == 0 {
			o.config.MaxCommittedSizePerReady = 1
		}
	case "seed":
		o.seed = n
	default:
		return false
	}
	return ok
}

func doNode(s *script, words []string) error {
	if len(words) < 1 || len(words) > 2 || (len(words) == 2 && words[1] != "wipe=1") {
		return unknown{"node"}
	}
	ids, ok := idList(words[0])
	if !ok || len(ids) != 1 {
		return unknown{words[0]}
	}
	if s.world.nodes[ids[0]] == nil {
		s.world.add(ids[0])
		return nil
	}
	if len(words) == 1 {
		return unknown{"a node that is there"}
	}
	return doRestart(s, words)
}

func doTick(s *script, words []string) error {
	times := uint64(1)
	ok := len(words) == 1
	if len(words) == 2 {
		times, ok = count(words[1])
	}
	if !ok {
		return unknown{"tick"}
	}
	var one *node
	if words[0] != "*" {
		n, err := s.world.node(words[0])
		if err != nil {
			return err
		}
		one = n
	}
	for i := uint64(0); i < times; i++ {
		s.world.each(func(n *node) {
			if one == nil || n == one {
				n.tick()
			}
		})
	}
	return nil
}

func doRun(s *script, words []string) error {
	if len(words) != 1 {
		return unknown{"run"}
	}
	times, ok := count(words[0])
	if !ok {
		return unknown{words[0]}
	}
	for i := uint64(0); i < times; i++ {
		s.world.each(func(n *node) { n.tick() })
		if err := doSettle(s, nil); err != nil {
			return err
		}
	}
	return nil
}

func doSettle(s *script, words []string) error {
	if len(words) != 0 {
		return unknown{"settle"}
	}
	if !s.world.settle() {
		return failf("the cluster does not settle")
	}
	return nil
}

func doCampaign(s *script, words []string) error {
	if len(words) != 1 {
		return unknown{"campaign"}
	}
	n, err := s.world.node(words[0])
	if err != nil || !s.world.answers(n) {
		return err
	}
	s.world.asks()
	if installing(n.raw) { // this version would panic, later ones do not stand
		return nil
	}
	if n.raw.Campaign() != nil {
		s.world.err = "REFUSED"
	}
	return nil
}

func doPump(s *script, words []string) error {
	if len(words) != 1 {
		return unknown{"pump"}
	}
	n, err := s.world.node(words[0])
	if err == nil {
		s.world.pump(n)
	}
	return err
}

func doDeliver(s *script, words []string) error {
	f, err := filterOf(words)
	if err == nil {
		s.world.deliver(f)
	}
	return err
}

func doDrop(s *script, words []string) error {
	f, err := filterOf(words)
	if err == nil {
		s.world.drop(f)
	}
	return err
}

func doDup(s *script, words []string) error {
	f, err := filterOf(words)
	if err == nil && f.kind != anyType {
		err = unknown{words[1]}
	}
	if err == nil {
		s.world.dup(f)
	}
	return err
}

func doReorder(s *script, words []string) error {
	f, err := filterOf(words)
	if err == nil && f.kind != anyType {
		err = unknown{words[1]}
	}
	if err == nil {
		s.world.reorder(f)
	}
	return err
}

func doClock(s *script, words []string) error {
	if len(words) != 2 {
		return unknown{"clock"}
	}
	n, err := s.world.node(words[0])
	if err != nil {
		return err
	}
	how := words[1]
	if text, is := option(how, "rate"); is {
		parts, ok := rate(text)
		if !ok {
			return unknown{how}
		}
		n.rate = parts
		return nil
	}
	ticks, ok := count(how[1:])
	if !ok || (how[0] != '+' && how[0] != '-') {
		return unknown{how}
	}
	jump := int64(ticks) * tickParts
	if how[0] == '-' {
		jump = -jump
	}
	n.clock += jump
	return nil
}

func doInvariants(s *script, words []string) error {
	if len(words) != 1 || (words[0] != "on" && words[0] != "off") {
		return unknown{"invariants"}
	}
	s.world.seen = nil
	if words[0] == "on" {
		s.world.seen = seenNew()
	}
	return nil
}
