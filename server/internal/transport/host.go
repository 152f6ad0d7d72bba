package transport

import (
	"log/slog"
	"net/http"
	"time"

	"parley/server/internal/reactor"
)

// A Host is the engine for a transport whose connections another package
// accepts: what they run on, what bounds them, and the sessions they carry.
type Host struct {
	Sessions
	Reactor *reactor.Reactor
	Wheel   *reactor.Wheel
	Logger  *slog.Logger

	MaxPayload     int           // bytes of the largest message
	UpgradeTimeout time.Duration // until the first packet
	ReadTimeout    time.Duration // for a message that was begun
}

// Sessions begins sessions and changes their transport. Open and Upgrade may
// write to t before they return; what t receives from then on goes to the Sink.
type Sessions interface {
	// Admit applies the allow-list of origins. If it reports false the request
	// must be refused.
	Admit(w http.ResponseWriter, r *http.Request) bool
	// Open begins a session on t. Its handshake is r.
	Open(t Transport, r *http.Request) (Sink, error)
	// Upgrade makes t the probe of the polling session with that id.
	Upgrade(t Transport, sid string) (Sink, error)
}
