package reactor

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// oneLoop returns a reactor whose TCP connections all share one loop.
func oneLoop(t *testing.T) *Reactor {
	t.Helper()
	r := newReactor(t)
	r.loops = r.loops[:1]
	r.watch.loops = r.loops
	return r
}

var tcp = kinds[0]

func TestTCPConnectionsAreServedByLoops(t *testing.T) {
	r := newReactor(t)
	o := newOwner(t)
	tcp.open(t, r, o)
	if _, ok := o.conn.(*polled); !ok {
		t.Errorf("a TCP connection became a %T", o.conn)
	}
}

func TestResetIsReported(t *testing.T) {
	r := newReactor(t)
	for _, paused := range []bool{false, true} {
		o := newOwner(t)
		client := tcp.open(t, r, o)
		if paused {
			o.conn.Pause()
		}
		o.conn.Start()
		_ = client.(*net.TCPConn).SetLinger(0)
		_ = client.Close()
		if err := await(t, "Gone", o.gone); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("Gone with %v", err)
		}
	}
}

func TestFailedWriteEndsTheConnection(t *testing.T) {
	r := newReactor(t)
	o := newOwner(t)
	client := tcp.open(t, r, o)
	o.conn.Pause()
	o.conn.Start()
	_ = client.Close()
	eventually(t, "a write fails", func() bool {
		if n := o.conn.Write([]byte("x")); n != 1 {
			t.Fatalf("a failing Write took %d", n)
		}
		return len(o.gone) > 0
	})
}

func TestConnectionThatCannotBeWatchedIsGone(t *testing.T) {
	r := newReactor(t)
	o := newOwner(t)
	tcp.open(t, r, o)
	// epoll refuses regular files.
	file, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	c := o.conn.(*polled)
	if err := unix.Dup2(int(file.Fd()), c.fd); err != nil {
		t.Fatal(err)
	}
	o.conn.Start()
	if err := await(t, "Gone", o.gone); !errors.Is(err, syscall.EPERM) {
		t.Errorf("Gone with %v", err)
	}
}

// Many connections come and go at once, so that descriptors and slots are
// reused all the time. Each has its own words, which must come back to it.
func TestReusedDescriptorsNeverMixConnections(t *testing.T) {
	r := newReactor(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	const workers, rounds = 8, 150
	var all sync.WaitGroup
	accepted := make(chan struct{})
	go func() {
		defer close(accepted)
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			o := newOwner(t).echo()
			o.conn = r.Add(c, o)
			o.conn.Start()
		}
	}()
	for w := range workers {
		all.Go(func() {
			for i := range rounds {
				if err := cycle(ln.Addr().String(), fmt.Sprintf("worker %d round %d;", w, i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	within(t, "the workers", all.Wait)
	_ = ln.Close()
	<-accepted
	within(t, "all goroutines end", r.Wait)
	eventually(t, "all descriptors are closed", func() bool { return openFiles(t) <= before-1 })
}

// cycle opens a connection, has words echoed, and ends it in one of the ways
// there are.
func cycle(addr, words string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	sent := bytes.Repeat([]byte(words), 1+rand.IntN(50))
	if _, err := c.Write(sent); err != nil {
		return err
	}
	way := rand.IntN(3)
	if way == 0 {
		return c.(*net.TCPConn).SetLinger(0) // reset while the echo is under way
	}
	got := make([]byte, len(sent))
	if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, sent) {
		return fmt.Errorf("sent %.40q, got %.40q: %v", sent, got, err)
	}
	if way == 1 {
		if err := c.(*net.TCPConn).CloseWrite(); err != nil {
			return err
		}
		if rest, _ := io.ReadAll(c); len(rest) > 0 {
			return fmt.Errorf("%.40q came behind the echo of %.40q", rest, sent)
		}
	}
	return nil
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// Close from elsewhere, while the loop may be handling the very connection.
func TestCloseRacesWithTheLoop(t *testing.T) {
	r := oneLoop(t)
	keeper := newOwner(t).echo()
	client := tcp.open(t, r, keeper)
	keeper.conn.Start()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				server, client := tcpPair(t)
				o := newOwner(t).echo()
				o.conn = r.Add(server, o)
				o.conn.Start()
				_, _ = client.Write([]byte("some words"))
				if rand.IntN(2) == 0 {
					_, _ = client.Read(make([]byte, 4))
				}
				o.conn.Close()
				_ = client.Close()
			}
		})
	}
	within(t, "the workers", all.Wait)
	echoed(t, client, "still here")
	l := r.loops[0]
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count != 1 {
		t.Errorf("the loop counts %d connections", l.count)
	}
}
