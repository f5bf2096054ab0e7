// main.go -- raft-script-etcd [--outcome] FILE...: run scripts over etcd's Raft library.
//
// Exit codes: 0 every file passed, 1 an expectation failed, 2 something was not understood.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

var out = bufio.NewWriter(os.Stdout)

func main() {
	files := os.Args[1:]
	outcome := len(files) > 0 && files[0] == "--outcome"
	if outcome {
		files = files[1:]
	}
	if len(files) == 0 {
		fmt.Fprintln(os.Stderr, "usage: raft-script-etcd [--outcome] FILE...")
		os.Exit(2)
	}
	worst := 0
	for _, path := range files {
		if code := runFile(path, outcome); code > worst {
			worst = code
		}
	}
	out.Flush()
	os.Exit(worst)
}

func runFile(path string, outcome bool) int {
	text, err := os.ReadFile(path)
	if err != nil {
		fmt.Fprintf(os.Stderr, "raft-script-etcd: %s cannot be read\n", path)
		return 2
	}
	s := &script{world: worldNew()}
	code := 0
	for i, line := range strings.Split(string(text), "\n") {
		err, broken := s.try(line)
		if _, is := err.(unknown); is {
			fmt.Fprintf(os.Stderr, "raft-script-etcd: %s: line %d: %v\n", path, i+1, err)
			code = 2
			break
		}
		if err != nil {
			fmt.Fprintf(out, "FAIL line %d: %v\n", i+1, err)
			s.fails++
			code = 1
		}
		if broken {
			break
		}
	}
	if outcome {
		printOutcome(s.world)
	}
	verdict := "PASS"
	if code != 0 {
		verdict = "FAIL"
	}
	fmt.Fprintf(out, "%s %s checks=%d fails=%d\n", verdict, path, s.checks, s.fails)
	return code
}

// try a line; a panic of the library fails it, and nothing after it has a meaning.
func (s *script) try(line string) (err error, broken bool) {
	defer func() {
		if why := recover(); why != nil {
			err, broken = failf("panic: %v", why), true
		}
	}()
	return s.line(line), false
}

var readStates = map[readState]string{readPending: "pending", readOK: "ok", readFailed: "fail"}

// printOutcome: what each node came to, without what two implementations may do differently.
func printOutcome(w *world) {
	w.each(func(n *node) {
		if !n.running() {
			fmt.Fprintf(out, "outcome %d down\n", n.id)
			return
		}
		fmt.Fprintf(out, "outcome %d", n.id)
		for _, key := range []string{"commit", "last", "applied", "config", "app"} {
			v, _ := n.value(key)
			fmt.Fprintf(out, " %s=%s", key, v.text)
		}
		fmt.Fprintln(out)
	})
	for _, tag := range w.tags {
		r := w.reads[tag]
		fmt.Fprintf(out, "outcome read %s %s %d\n", tag, readStates[r.state], r.index)
	}
}
