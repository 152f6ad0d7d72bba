package zishang520

import (
	"github.com/zishang520/engine.io-go-parser/packet"
	"github.com/zishang520/engine.io/v2/transports"
	"github.com/zishang520/engine.io/v2/types"
)

// A transport is what engine.io/v2 calls so: here it stands for whatever carries the
// connection at the moment. What its setters are told is kept and has no effect.
type transport struct {
	transports.Transport
	conn *conn
}

func newTransport(c *conn) *transport {
	t := &transport{transports.NewTransport(c.request), c}
	t.Transport.SetSid(c.Id())
	return t
}

// Name is "polling" or "websocket".
func (t *transport) Name() string { return t.conn.session.Transport() }

// Writable reports whether what is sent now leaves now.
func (t *transport) Writable() bool { return t.conn.session.Writable() }

// ReadyState is that of the connection.
func (t *transport) ReadyState() string { return t.conn.ReadyState() }

// HandlesUpgrades reports whether the transport began with an HTTP upgrade.
func (t *transport) HandlesUpgrades() bool { return t.Name() != transports.POLLING }

// Send sends the messages among the packets.
func (t *transport) Send(packets []*packet.Packet) {
	for _, p := range packets {
		if p.Type == packet.MESSAGE {
			t.conn.Write(p.Data, p.Options, nil)
		}
	}
}

// Close closes the connection.
func (t *transport) Close(callbacks ...types.Callable) {
	t.conn.Close(false)
	for _, f := range callbacks {
		if f != nil {
			f()
		}
	}
}

// DoClose closes the connection.
func (t *transport) DoClose(f types.Callable) { t.Close(f) }

// Discard does nothing: an upgrade is the engine's affair.
func (t *transport) Discard() {}
