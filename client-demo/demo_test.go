package clientdemo

import (
	"bufio"
	"context"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"
)

// TestTwoPeopleChatInChromium starts the real program and runs e2e/demo.mjs against it.
func TestTwoPeopleChatInChromium(t *testing.T) {
	if _, err := fs.Stat(dist, "dist/index.html"); err != nil {
		t.Fatal("the demo is not built: run `make test`, or `npm ci && npm run build` in client-demo")
	}
	inChromium(t, "e2e/demo.mjs")
}

// TestForeignComponentInChromium runs e2e/foreign.mjs: a component that knows nothing of Parley, as a page of another origin.
func TestForeignComponentInChromium(t *testing.T) { inChromium(t, "e2e/foreign.mjs") }

// inChromium runs a Node program with the address of the real program, started for it.
func inChromium(t *testing.T, script string) {
	t.Helper()
	chromium := os.Getenv("CHROMIUM")
	if chromium == "" {
		chromium = "chromium"
	}
	chromium, err := exec.LookPath(chromium)
	if err != nil {
		t.Fatalf("no Chromium (CHROMIUM may name one): %v", err)
	}
	address := startParley(t)

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	chat := exec.CommandContext(ctx, "node", script, address)
	chat.Env = append(os.Environ(), "CHROMIUM="+chromium)
	chat.WaitDelay = 5 * time.Second // a browser that outlives the script holds its output open
	out, err := chat.CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
}

var listening = regexp.MustCompile(`127\.0\.0\.1:[1-9][0-9]*`)

// startParley builds and starts cmd/parley on a free port and returns its address. The program must end well when the test does.
func startParley(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "parley")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "parley/cmd/parley").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	parley := exec.Command(program, "--addr", "127.0.0.1:0", "--drain", "1s")
	output, log := io.Pipe()
	parley.Stdout, parley.Stderr = log, log
	if err := parley.Start(); err != nil {
		t.Fatal(err)
	}

	addresses := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			t.Log(lines.Text())
			if found := listening.FindString(lines.Text()); found != "" && len(addresses) == 0 {
				addresses <- found
			}
		}
	}()
	t.Cleanup(func() {
		parley.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(15*time.Second, func() { parley.Process.Kill() })
		defer kill.Stop()
		if err := parley.Wait(); err != nil {
			t.Errorf("parley ended with %v", err)
		}
		log.Close()
		<-read
	})
	select {
	case address := <-addresses:
		return "http://" + address
	case <-time.After(30 * time.Second):
		t.Fatal("parley did not say where it listens")
		return ""
	}
}
