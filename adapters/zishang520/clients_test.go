package zishang520_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// script runs a program of testdata with the official clients, and decodes what it
// reports, line by line.
func script[T any](name, url string, args ...string) (reports []T, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	dir, err := filepath.Abs(packages)
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "node", append([]string{filepath.Join("testdata", name), url, dir}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w; make test installs what it needs\n%s", name, err, stderr.String())
	}
	for decoder := json.NewDecoder(&stdout); ; {
		var report T
		switch err := decoder.Decode(&report); err {
		case nil:
			reports = append(reports, report)
		case io.EOF:
			return reports, nil
		default:
			return nil, err
		}
	}
}

// TestTheSameApplicationOnBothEngines: what works on theirs works on ours.
func TestTheSameApplicationOnBothEngines(t *testing.T) {
	type outcome struct{ Name, Wrong string }
	peer, _ := startPeer(t)
	url, _ := start(t, nil, mount)
	done := make(chan struct{})
	go func() {
		defer close(done)
		theirs, err := script[outcome]("clients.mjs", peer, "1000", "4.8.4")
		if err != nil {
			t.Logf("on their engine: %v", err)
		}
		for _, o := range theirs {
			if o.Wrong != "" {
				t.Logf("on their engine: %s: %s", o.Name, o.Wrong)
			}
		}
	}()
	ours, err := script[outcome]("clients.mjs", url, "10000", "4.8.4", "3.1.3", "2.5.0")
	if err != nil || len(ours) == 0 {
		t.Errorf("on our engine: %d scenarios, %v", len(ours), err)
	}
	for _, o := range ours {
		if o.Wrong != "" {
			t.Errorf("on our engine: %s: %s", o.Name, o.Wrong)
		}
	}
	<-done
}
