package engineio

import (
	"runtime"
	"testing"
)

func TestIdleWebSocketsNeedNoGoroutinesAndLittleMemory(t *testing.T) {
	w := newWorld(t, Options{})
	heap := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	warm := w.socket()
	warm.send("4x")
	await(t, "the message", warm.heard)
	before := heap()
	const n = 200
	sockets := make([]*socket, n)
	for i := range sockets {
		sockets[i] = w.socket()
	}
	// Loops, wheel, watchdog, the HTTP server and the test have some.
	most := 2*runtime.GOMAXPROCS(0) + 20
	eventually(t, "the goroutines of the handshakes end", func() bool { return runtime.NumGoroutine() < most })
	each := (heap() - before) / n
	t.Logf("%d bytes a session, with the test's client", each)
	if each > 40_000 {
		t.Errorf("%d bytes a session", each)
	}
	runtime.KeepAlive(sockets)
}
