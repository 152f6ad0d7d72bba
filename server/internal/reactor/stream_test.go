package reactor

import (
	"errors"
	"net"
	"testing"
)

// A stubborn connection blocks in Close, as TLS does while its peer does not
// read.
type stubborn struct {
	net.Conn
	release chan struct{}
}

func (c stubborn) Close() error {
	<-c.release
	return c.Conn.Close()
}

func TestCloseAndAbortDoNotWaitForTheConnection(t *testing.T) {
	for name, end := range map[string]func(Conn){"Close": Conn.Close, "Abort": Conn.Abort} {
		t.Run(name, func(t *testing.T) {
			r := newReactor(t)
			server, client := net.Pipe()
			defer client.Close()
			c := stubborn{server, make(chan struct{})}
			o := newOwner(t)
			o.conn = r.Add(c, o)
			o.conn.Start()
			within(t, name, func() { end(o.conn) })
			close(c.release)
			await(t, "Gone", o.gone)
		})
	}
}

type brokenWriter struct{ net.Conn }

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("no route") }

func TestFailedWriteEndsAPausedStream(t *testing.T) {
	r := newReactor(t)
	server, client := net.Pipe()
	defer client.Close()
	o := newOwner(t)
	o.conn = r.Add(brokenWriter{server}, o)
	o.conn.Pause()
	o.conn.Start()
	o.conn.Write([]byte("x"))
	await(t, "Gone", o.gone)
}
