package zishang520_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"github.com/zishang520/socket.io/v2/socket"

	"parley/adapters/zishang520"
	"parley/server/engineio"
)

const packages = "../../server/e2e/js"

// theirs names the variable that makes the test's program the peer: the application on
// the engine of engine.io/v2. That engine can end its process, so it has its own.
const theirs = "PARLEY_TEST_ZISHANG520_PEER"

func TestMain(m *testing.M) {
	if os.Getenv(theirs) != "" {
		peer()
		return
	}
	os.Exit(m.Run())
}

func options() *socket.ServerOptions {
	opts := socket.DefaultServerOptions()
	opts.SetAllowEIO3(true)
	return opts
}

// peer serves until its standard input ends.
func peer() {
	app := socket.NewServer(nil, options())
	mount(app)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println("http://" + l.Addr().String())
	go func() { _ = http.Serve(l, served(app.ServeHandler(nil))) }()
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startPeer starts the peer and returns its URL, and a channel that is closed when it
// has ended.
func startPeer(t *testing.T) (url string, ended <-chan struct{}) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), theirs+"=1", "GORACE=log_path="+filepath.Join(t.TempDir(), "race"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("the peer does not start: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill()
		<-done
	})
	return strings.TrimSpace(line), done
}

// start serves the application on our engine until the test ends, and then makes sure
// that nothing of it is left.
func start(t testing.TB, opts *zishang520.Options, mount func(*socket.Server), settings ...func(*socket.ServerOptions)) (url string, engine *zishang520.Server) {
	t.Helper()
	before := runtime.NumGoroutine()
	given := options()
	for _, set := range settings {
		set(given)
	}
	app := socket.NewServer(nil, given)
	mount(app)
	if opts == nil {
		opts = &zishang520.Options{}
	}
	configure := opts.Engine
	opts.Engine = func(o *engineio.Options) {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
		if configure != nil {
			configure(o)
		}
	}
	engine = zishang520.Bind(app, opts)
	ts := httptest.NewServer(served(engine))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := engine.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
		ts.Close()
		client.CloseIdleConnections()
		if _, fuzz := t.(*testing.F); fuzz {
			return // fuzzing has goroutines of its own
		}
		for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				_ = pprof.Lookup("goroutine").WriteTo(t.Output(), 1)
				t.Fatalf("%d goroutines, %d at the start", runtime.NumGoroutine(), before)
			}
		}
	})
	return ts.URL, engine
}
