// faults.go -- lines that break something, and lines that mend it.
package main

import "strings"

func (w *world) cutLink(l link, cut bool) {
	for a := uint64(1); a <= nodesMax; a++ {
		for b := uint64(1); b <= nodesMax; b++ {
			if a != b && (l.from == 0 || l.from == a) && (l.to == 0 || l.to == b) {
				w.cut[link{a, b}] = cut
			}
		}
	}
}

func (w *world) cutWord(word string, cut bool) error {
	sides := strings.Split(word, "|")
	if len(sides) == 1 {
		l, err := linkOf(word)
		if err == nil {
			w.cutLink(l, cut)
		}
		return err
	}
	if len(sides) != 2 {
		return unknown{word}
	}
	left, ok := idList(sides[0])
	right, good := idList(sides[1])
	if !ok || !good || !distinct(append(left[:len(left):len(left)], right...)) {
		return unknown{word}
	}
	for _, a := range left {
		for _, b := range right {
			w.cutLink(link{a, b}, cut)
			w.cutLink(link{b, a}, cut)
		}
	}
	return nil
}

func doCut(s *script, words []string) error {
	if len(words) == 0 {
		return unknown{"cut"}
	}
	for _, word := range words {
		if err := s.world.cutWord(word, true); err != nil {
			return err
		}
	}
	return nil
}

func doHeal(s *script, words []string) error {
	if len(words) == 0 {
		s.world.cut = map[link]bool{}
	}
	for _, word := range words {
		if err := s.world.cutWord(word, false); err != nil {
			return err
		}
	}
	return nil
}

func doDisk(s *script, words []string) error {
	if len(words) < 2 {
		return unknown{"disk"}
	}
	n, err := s.world.node(words[0])
	if err != nil {
		return err
	}
	switch how := strings.Join(words[1:], " "); {
	case how == "hold":
		n.hold = true
	case how == "go":
		n.hold, n.fail, n.slow = false, false, 0 // whom it has failed already stays stopped
		for i := range n.writes {
			n.writes[i].due = 0
		}
		n.complete()
	case how == "fail":
		n.fail = true
	case how == "lose":
		n.lose = true
	case how == "torn":
		n.torn = true
	case words[1] == "slow" && len(words) == 3:
		ticks, ok := count(words[2])
		if !ok {
			return unknown{how}
		}
		n.slow = int64(ticks)
	default:
		return unknown{how}
	}
	return nil
}

func doApply(s *script, words []string) error {
	if len(words) != 2 || (words[1] != "hold" && words[1] != "go") {
		return unknown{"apply"}
	}
	n, err := s.world.node(words[0])
	if err == nil {
		n.applyHold = words[1] == "hold"
	}
	return err
}

func doCrash(s *script, words []string) error {
	if len(words) != 1 {
		return unknown{"crash"}
	}
	n, err := s.world.node(words[0])
	if err == nil && n.up {
		s.world.crash(n)
	}
	return err
}

func doRestart(s *script, words []string) error {
	if len(words) < 1 || len(words) > 2 || (len(words) == 2 && words[1] != "wipe=1") {
		return unknown{"restart " + strings.Join(words, " ")}
	}
	n, err := s.world.node(words[0])
	if err != nil {
		return err
	}
	if n.up {
		s.world.crash(n)
	}
	if len(words) == 2 {
		n.wipe(&s.world.shelf)
	}
	n.boot(s.world.options)
	return nil
}
