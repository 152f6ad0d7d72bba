// Package webtransport takes the place of the module of this name, which
// engine.io/v2 v2.5.0 needs to be compiled and whose last version for it is for a
// QUIC older than that of server/webtransport; a program has one QUIC. It has what
// engine.io/v2 mentions, and no function: who listens gets [ErrUnsupported].
package webtransport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/quic-go/quic-go/http3"
)

// ErrUnsupported is the error of whatever could fail.
var ErrUnsupported = errors.New("webtransport: not available for engine.io/v2 in this program")

// A SessionErrorCode says why a session is closed.
type SessionErrorCode uint32

// A Server cannot listen.
type Server struct {
	H3          http3.Server
	CheckOrigin func(*http.Request) bool
}

// ListenAndServeTLS returns ErrUnsupported.
func (*Server) ListenAndServeTLS(certFile, keyFile string) error { return ErrUnsupported }

// Upgrade returns ErrUnsupported.
func (*Server) Upgrade(http.ResponseWriter, *http.Request) (*Session, error) {
	return nil, ErrUnsupported
}

// Close does nothing.
func (*Server) Close() error { return nil }

// A Session is one that no server begins.
type Session struct{}

// AcceptStream returns ErrUnsupported.
func (*Session) AcceptStream(context.Context) (Stream, error) { return nil, ErrUnsupported }

// CloseWithError does nothing.
func (*Session) CloseWithError(SessionErrorCode, string) error { return nil }

// LocalAddr returns nil.
func (*Session) LocalAddr() net.Addr { return nil }

// RemoteAddr returns nil.
func (*Session) RemoteAddr() net.Addr { return nil }

// A Stream is one that no session has.
type Stream interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}
