package main

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A process is the built program.
type process struct {
	url string
	log *logBook
	cmd *exec.Cmd
	end chan error
}

func startProcess(t *testing.T, args ...string) *process {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "parley")
	if out, err := exec.Command("go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	p := &process{log: newLogBook(), end: make(chan error, 1)}
	p.cmd = exec.Command(binary, args...)
	p.cmd.Env = append(os.Environ(), "PARLEY_ADDR=127.0.0.1:0")
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.end <- p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	p.url = p.log.await(t, `msg=listening addr=127\.0\.0\.1:\d+ url=(\S+)/`)[1]
	return p
}

func (p *process) signal(t *testing.T, sig os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (p *process) exitCode(t *testing.T) int {
	t.Helper()
	select {
	case err := <-p.end:
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return exit.ExitCode()
		}
		if err != nil {
			t.Fatal(err)
		}
		return 0
	case <-time.After(patience):
		t.Fatalf("it does not end:\n%s", p.log)
		return 0
	}
}

// pending begins the poll of a client and says what it brings.
func pending(t *testing.T, c *pollClient) chan string {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		res, err := http.Get(c.url)
		if err != nil {
			got <- err.Error()
			return
		}
		got <- body(t, res)
	}()
	return got
}

func TestSIGTERMSendsClientsElsewhereOneByOne(t *testing.T) {
	p := startProcess(t, "--drain", "4s")
	const hello = `40/chat,{"userId":"u1","username":"Ann"}`
	first := pending(t, connect(t, p.url, "/socket.io/", hello))
	second := pending(t, connect(t, p.url, "/socket.io/", hello))
	began := time.Now()
	p.signal(t, syscall.SIGTERM)
	p.log.await(t, "msg=draining signal=terminated over=4s connections=2")

	if status, _ := get(t, p.url+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("/readyz: %d", status)
	}
	if status, _ := get(t, p.url+"/healthz"); status != http.StatusOK {
		t.Errorf("/healthz: %d", status)
	}
	var times []time.Duration
	for i := range 2 {
		select {
		case text := <-first:
			wantClose(t, text)
		case text := <-second:
			wantClose(t, text)
		case <-time.After(patience):
			t.Fatalf("a client is still there:\n%s", p.log)
		}
		times = append(times, time.Since(began))
		if i == 1 {
			break // the program ends
		}
		if status, _ := get(t, p.url+"/socket.io/?EIO=4&transport=polling"); status != http.StatusServiceUnavailable {
			t.Errorf("a new session: %d", status)
		}
	}
	if times[1]-times[0] < time.Second {
		t.Errorf("both were closed together, after %v", times)
	}
	if code := p.exitCode(t); code != 0 {
		t.Errorf("code %d:\n%s", code, p.log)
	}
}

// wantClose checks that a poll brought the end of the transport, and no DISCONNECT, after which clients stay away.
func wantClose(t *testing.T, text string) {
	t.Helper()
	if strings.TrimPrefix(text, "6\x1e") != "1" { // a noop may come first
		t.Errorf("the pending poll brought %q", text)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := startProcess(t, "--drain", "1h")
	for range 2 {
		connect(t, p.url, "/socket.io/", "40/chat,")
	}
	p.signal(t, os.Interrupt)
	p.log.await(t, "msg=draining signal=interrupt")
	p.signal(t, syscall.SIGTERM)
	if code := p.exitCode(t); code != exitFailed {
		t.Errorf("code %d:\n%s", code, p.log)
	}
}
