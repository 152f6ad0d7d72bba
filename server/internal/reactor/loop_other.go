//go:build !linux

package reactor

import "net"

// A loop needs epoll; elsewhere every connection is a stream.
type loop struct{ busy counter }

type counter struct{}

func (counter) Load() uint64 { return 0 }

func newLoops(*Reactor, int) []*loop           { return nil }
func (*loop) adopt(*net.TCPConn, Handler) Conn { return nil }
func (*loop) overtake(uint64)                  {}
