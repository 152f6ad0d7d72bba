package reactor

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

// randomBytes returns the same n bytes each time.
func randomBytes(n int) []byte {
	p := make([]byte, n)
	source := rand.NewChaCha8([32]byte{})
	_, _ = source.Read(p)
	return p
}

func TestEchoKeepsEveryByte(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t).echo()
		client := k.open(t, r, o)
		o.conn.Start()
		sent := randomBytes(3 << 20)
		go func() {
			for rest := sent; len(rest) > 0; {
				n := min(len(rest), 1+rand.IntN(100_000))
				if _, err := client.Write(rest[:n]); err != nil {
					t.Error(err)
					return
				}
				rest = rest[n:]
			}
		}()
		got := make([]byte, len(sent))
		within(t, "the echo", func() {
			if _, err := io.ReadFull(client, got); err != nil {
				t.Error(err)
			}
		})
		if !bytes.Equal(got, sent) {
			t.Error("what came back is not what was sent")
		}
	})
}

func TestPeerCloseIsEOF(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t)
		var got bytes.Buffer
		o.input = func(_ Turn, p []byte) { got.Write(p) }
		client := k.open(t, r, o)
		o.conn.Start()
		if _, err := client.Write([]byte("last words")); err != nil {
			t.Fatal(err)
		}
		_ = client.Close()
		if err := await(t, "Gone", o.gone); err != io.EOF {
			t.Errorf("Gone with %v", err)
		}
		if got.String() != "last words" {
			t.Errorf("got %q", got.String())
		}
	})
}

func TestNothingIsReadBeforeStart(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t)
		got := make(chan string, 4)
		o.input = func(_ Turn, p []byte) { got <- string(p) }
		client := k.open(t, r, o)
		wrote := make(chan error, 1)
		go func() {
			_, err := client.Write([]byte("early"))
			wrote <- err
		}()
		if len(got) > 0 {
			t.Error("input before Start")
		}
		o.conn.Start()
		if s := await(t, "input", got); s != "early" {
			t.Errorf("got %q", s)
		}
		if err := <-wrote; err != nil {
			t.Error(err)
		}
	})
}

func TestShortWriteIsContinuedByWritable(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t)
		room := make(chan struct{}, 1)
		o.writable = func() {
			select {
			case room <- struct{}{}:
			default:
			}
		}
		client := k.open(t, r, o)
		o.conn.Start()
		var sent []byte
		for chunk := randomBytes(100_000); ; {
			n := o.conn.Write(chunk)
			sent = append(sent, chunk[:n]...)
			if n < len(chunk) {
				break
			}
		}
		tail := []byte("the end")
		got := make(chan []byte, 1)
		go func() {
			all := make([]byte, len(sent)+len(tail))
			n, _ := io.ReadFull(client, all)
			got <- all[:n]
		}()
		for rest := tail; len(rest) > 0; {
			await(t, "Writable", room)
			n := o.conn.Write(rest)
			rest = rest[n:]
		}
		if all := await(t, "the output", got); !bytes.Equal(all, append(sent, tail...)) {
			t.Errorf("%d bytes came, not the %d that were sent", len(all), len(sent)+len(tail))
		}
	})
}

func TestCloseEndsReadingAtOnce(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t)
		var closed atomic.Bool
		entered := make(chan struct{}, 1)
		leave := make(chan struct{})
		o.input = func(Turn, []byte) {
			if closed.Load() {
				t.Error("input that began after Close")
			}
			entered <- struct{}{}
			<-leave
		}
		client := k.open(t, r, o)
		o.conn.Start()
		flooded := make(chan struct{})
		go func() {
			defer close(flooded)
			for junk := make([]byte, 10_000); ; {
				if _, err := client.Write(junk); err != nil {
					return
				}
			}
		}()
		await(t, "input", entered)
		within(t, "Close while Input runs", o.conn.Close)
		closed.Store(true)
		close(leave)
		await(t, "the peer's end", flooded)
	})
}

func TestPeerSeesCloseWriteAndAbortAfterTheOutput(t *testing.T) {
	for name, end := range map[string]func(Conn){"CloseWrite": Conn.CloseWrite, "Abort": Conn.Abort} {
		t.Run(name, func(t *testing.T) {
			overKinds(t, func(t *testing.T, k kind) {
				for range 50 {
					r := newReactor(t)
					o := newOwner(t)
					client := k.open(t, r, o)
					o.conn.Start()
					got := make(chan string, 1)
					go func() {
						all, _ := io.ReadAll(client)
						got <- string(all)
						_ = client.Close()
					}()
					o.conn.Write([]byte("good-bye"))
					end(o.conn)
					if s := await(t, "the end of the stream", got); s != "good-bye" {
						t.Fatalf("the peer got %q", s)
					}
					await(t, "Gone", o.gone)
				}
			})
		})
	}
}

func TestInputGoesOnAfterCloseWrite(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		if !k.half {
			return
		}
		r := newReactor(t)
		o := newOwner(t)
		got := make(chan string, 4)
		o.input = func(_ Turn, p []byte) { got <- string(p) }
		client := k.open(t, r, o)
		o.conn.Start()
		o.conn.CloseWrite()
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(err)
		}
		if _, err := client.Write([]byte("still here")); err != nil {
			t.Fatal(err)
		}
		if s := await(t, "input", got); s != "still here" {
			t.Errorf("got %q", s)
		}
	})
}

func TestAbortIsFollowedByGoneWhateverThePeerDoes(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		for name, prepare := range map[string]func(Conn){
			"idle":   func(Conn) {},
			"paused": Conn.Pause,
			"full": func(c Conn) {
				for junk := make([]byte, 100_000); c.Write(junk) == len(junk); {
				}
			},
		} {
			t.Run(name, func(t *testing.T) {
				r := newReactor(t)
				o := newOwner(t)
				k.open(t, r, o)
				prepare(o.conn)
				o.conn.Start()
				within(t, "Abort", o.conn.Abort)
				await(t, "Gone", o.gone)
			})
		}
	})
}

func TestPausedConnectionReadsNothingUntilResumed(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t)
		var paused atomic.Bool
		got := make(chan int, 1000)
		o.input = func(_ Turn, p []byte) {
			if paused.Load() {
				t.Error("input while paused")
			}
			got <- len(p)
		}
		client := k.open(t, r, o)
		o.conn.Pause()
		o.conn.Pause()
		paused.Store(true)
		o.conn.Start()
		const size = 1000
		go func() { _, _ = client.Write(make([]byte, size)) }()
		// Other connections are served meanwhile, more than once on each loop.
		for range 4 * runtime.GOMAXPROCS(0) {
			roundTrip(t, r, k)
		}
		paused.Store(false)
		o.conn.Resume()
		for n := 0; n < size; {
			n += await(t, "input after Resume", got)
		}
		o.conn.Resume()
		_ = client.Close()
		await(t, "Gone", o.gone)
	})
}

// roundTrip opens a connection, has one message echoed, and closes it.
func roundTrip(t *testing.T, r *Reactor, k kind) {
	t.Helper()
	o := newOwner(t).echo()
	client := k.open(t, r, o)
	o.conn.Start()
	echoed(t, client, "hello")
	_ = client.Close()
	await(t, "Gone", o.gone)
}

func echoed(t *testing.T, client net.Conn, s string) {
	t.Helper()
	_ = client.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(client, s); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(s))
	if _, err := io.ReadFull(client, got); err != nil || string(got) != s {
		t.Fatalf("echo of %q: %q, %v", s, got, err)
	}
}

func TestPanicInInputEndsOnlyThatConnection(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		bad, good := newOwner(t), newOwner(t).echo()
		bad.input = func(Turn, []byte) { panic("a mistake") }
		badClient, goodClient := k.open(t, r, bad), k.open(t, r, good)
		bad.conn.Start()
		good.conn.Start()
		echoed(t, goodClient, "before")
		go func() { _, _ = badClient.Write([]byte("x")) }()
		if err := await(t, "Gone", bad.gone); !errors.Is(err, errPanic) {
			t.Errorf("Gone with %v", err)
		}
		echoed(t, goodClient, "after")
	})
}

func TestGoroutinesEndWithTheLastConnectionAndComeBack(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		for range 3 {
			for range 3 {
				roundTrip(t, r, k)
			}
			within(t, "all goroutines end", r.Wait)
		}
	})
}

func TestMethodsOfAClosedConnectionDoNothing(t *testing.T) {
	overKinds(t, func(t *testing.T, k kind) {
		r := newReactor(t)
		o := newOwner(t)
		client := k.open(t, r, o)
		o.conn.Close()
		o.conn.Close()
		o.conn.Pause()
		o.conn.Resume()
		o.conn.CloseWrite()
		o.conn.Abort()
		if n := o.conn.Write([]byte("lost")); n != 4 {
			t.Errorf("Write took %d", n)
		}
		o.conn.Start()
		if all, _ := io.ReadAll(client); len(all) > 0 {
			t.Errorf("the peer got %q", all)
		}
	})
}
