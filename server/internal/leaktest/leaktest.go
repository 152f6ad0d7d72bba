// Package leaktest fails the tests of a package that leave goroutines behind.
package leaktest

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"
)

// patience is how long goroutines that are about to end may take.
const patience = 5 * time.Second

// Main runs the tests and ends the process. Use it as the body of TestMain.
func Main(m *testing.M) {
	code := m.Run()
	deadline := time.Now().Add(patience)
	left := goroutines()
	for len(left) > 0 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
		left = goroutines()
	}
	if code == 0 && len(left) > 0 {
		fmt.Fprintf(os.Stderr, "leaktest: the tests left %d goroutines:\n\n%s\n", len(left), strings.Join(left, "\n\n"))
		code = 1
	}
	os.Exit(code)
}

// goroutines returns the stacks of all goroutines but the one that asks and
// what "go test" itself starts for fuzzing.
func goroutines() []string {
	buf := make([]byte, 4<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var list []string
	for stack := range strings.SplitSeq(string(buf), "\n\n") {
		if !strings.Contains(stack, "leaktest.Main(") && !strings.Contains(stack, "os/signal.") {
			list = append(list, stack)
		}
	}
	return list
}
