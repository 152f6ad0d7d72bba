package main

import (
	"os"
	"testing"
	"time"
)

func TestParentIsFoundBehindAnyCommandName(t *testing.T) {
	for _, stat := range []string{
		"4242 (node) S 17 4242 4242 0 -1 4194304",
		"4242 (a) R 1 (b) S 17 4242",
	} {
		if parent, err := parseParent([]byte(stat)); parent != 17 || err != nil {
			t.Errorf("%s: parent %d, error %v", stat, parent, err)
		}
	}
	for _, stat := range []string{"", "4242 (node)", "4242 (node) S", "4242 (node) S x"} {
		if _, err := parseParent([]byte(stat)); err == nil {
			t.Errorf("%q: no error", stat)
		}
	}
}

func TestResidentMemoryIsParsed(t *testing.T) {
	if kb, err := parseResident([]byte("Name:\tnode\nVmHWM:\t   90000 kB\nVmRSS:\t   58220 kB\nThreads:\t11\n")); kb != 58220 || err != nil {
		t.Errorf("%d KB, error %v", kb, err)
	}
	for _, status := range []string{"", "Name:\tkthreadd\n", "VmRSS:\tmuch kB\n"} {
		if _, err := parseResident([]byte(status)); err == nil {
			t.Errorf("%q: no error", status)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	before, err := measure(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if before.resident < 1000 {
		t.Errorf("resident memory of %d KB", before.resident)
	}
	own := ownCPU()
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		// Use some CPU.
	}
	after, err := measure(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	spent := ownCPU() - own
	if got := after.cpu - before.cpu; got < spent/2 || got > 2*spent+20*time.Millisecond {
		t.Errorf("CPU clock advanced by %v, getrusage by %v", got, spent)
	}
}

func TestUsageOfNoProcess(t *testing.T) {
	const none = 1 << 22 // Linux gives no id as high
	if _, err := measure(none); err == nil {
		t.Error("no error")
	}
}
