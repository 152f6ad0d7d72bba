package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"
)

// A stage is how far a client has come.
type stage uint8

const (
	stageDialing   stage = iota // TCP
	stageUpgrading              // WebSocket
	stageOpening                // Engine.IO: the open packet is due
	stageJoining                // Socket.IO: the answer to CONNECT is due
	stageJoined
	stageGone
)

func (s stage) String() string {
	return [...]string{"dialing", "upgrading", "opening", "joining the namespace", "joined", "gone"}[s]
}

var (
	errDisconnected = errors.New("the server disconnected the client")
	errBinary       = errors.New("the server sent a binary message")
)

// A client is one Socket.IO connection over WebSocket.
type client struct {
	id        int
	fd        int
	stage     stage
	blocked   bool // out waits for room in the socket
	began     time.Duration
	in        []byte // the beginning of a frame whose rest has not come
	fragments []byte
	out       []byte
}

// dial starts a new client's connection.
func (l *loop) dial() error {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	_ = syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1)
	c := &client{id: len(l.clients), fd: fd, began: l.tick()}
	l.clients = append(l.clients, c)
	addr := l.addr(c)
	err = syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()})
	if err == nil || err == syscall.EINPROGRESS {
		err = l.watch(c, syscall.EPOLL_CTL_ADD, syscall.EPOLLOUT)
	}
	if err != nil {
		l.fail(c, err)
	}
	return nil
}

// writable goes on with what waited for the socket: the connection, or output.
func (l *loop) writable(c *client) {
	if c.stage != stageDialing {
		l.flush(c)
		return
	}
	if code, err := syscall.GetsockoptInt(c.fd, syscall.SOL_SOCKET, syscall.SO_ERROR); err != nil || code != 0 {
		l.fail(c, syscall.Errno(code))
		return
	}
	c.stage = stageUpgrading
	c.blocked = true // so that flush gives up watching for room
	c.out = appendUpgrade(c.out, l.addr(c).String(), upgradeKey(c.id))
	l.flush(c)
}

// send queues a text message; flush writes it.
func (l *loop) send(c *client, packet []byte) {
	l.frame(c, opText, packet)
}

func (l *loop) frame(c *client, opcode byte, payload []byte) {
	c.out = appendFrame(c.out, opcode, uint32(l.masks.Uint64()), payload)
}

// flush writes what is queued as far as the socket takes it.
func (l *loop) flush(c *client) {
	for len(c.out) > 0 && c.stage != stageGone {
		n, err := syscall.Write(c.fd, c.out)
		if err == syscall.EAGAIN {
			if !c.blocked {
				c.blocked = true
				err = l.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN|syscall.EPOLLOUT)
			} else {
				err = nil
			}
			if err == nil {
				return
			}
		}
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			l.fail(c, fmt.Errorf("write: %w", err))
			return
		}
		c.out = c.out[:copy(c.out, c.out[n:])]
	}
	if c.blocked && c.stage != stageGone {
		c.blocked = false
		if err := l.watch(c, syscall.EPOLL_CTL_MOD, syscall.EPOLLIN); err != nil {
			l.fail(c, err)
		}
	}
}

// readable handles all input that the socket has.
func (l *loop) readable(c *client) {
	for c.stage != stageGone {
		n, err := syscall.Read(c.fd, l.read)
		if err == syscall.EAGAIN {
			break
		}
		if err == syscall.EINTR {
			continue
		}
		if n == 0 && err == nil {
			err = io.EOF
		}
		if err != nil {
			l.fail(c, fmt.Errorf("read: %w", err))
			return
		}
		data := l.read[:n]
		if len(c.in) > 0 {
			c.in = append(c.in, data...)
			data = c.in
		}
		rest, err := l.consume(c, data)
		if err != nil {
			l.fail(c, err)
			return
		}
		c.in = append(c.in[:0], rest...)
		if n < len(l.read) {
			break
		}
	}
	l.flush(c)
}

// consume handles the complete frames at the start of data and returns what is left.
func (l *loop) consume(c *client, data []byte) (rest []byte, err error) {
	if c.stage == stageUpgrading {
		n, err := checkUpgrade(data, upgradeKey(c.id))
		if n == 0 || err != nil {
			return data, err
		}
		c.stage, data = stageOpening, data[n:]
	}
	for c.stage != stageGone {
		f, n, err := nextFrame(data)
		if n == 0 || err != nil {
			return data, err
		}
		data = data[n:]
		if err := l.handle(c, f); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// handle puts fragments together and answers control frames.
func (l *loop) handle(c *client, f frame) error {
	switch f.opcode {
	case opPing:
		l.frame(c, opPong, f.payload)
		return nil
	case opPong:
		return nil
	case opClose:
		return errDisconnected
	case opBinary:
		return errBinary
	}
	if f.final && len(c.fragments) == 0 {
		return l.packet(c, f.payload)
	}
	if c.fragments = append(c.fragments, f.payload...); len(c.fragments) > maxFrame {
		return errFrameSize
	}
	if !f.final {
		return nil
	}
	whole := c.fragments
	c.fragments = nil
	return l.packet(c, whole)
}

// packet handles one Engine.IO packet.
func (l *loop) packet(c *client, p []byte) error {
	switch {
	case c.stage == stageJoined && bytes.HasPrefix(p, []byte("4")):
		if bytes.HasPrefix(p, []byte("41")) || bytes.HasPrefix(p, []byte("44")) {
			return fmt.Errorf("%w: %.80q", errDisconnected, p)
		}
		l.received(c, p)
	case string(p) == packetPing:
		l.send(c, []byte(packetPong))
	case c.stage == stageOpening && bytes.HasPrefix(p, []byte("0{")):
		c.stage = stageJoining
		l.send(c, []byte(packetConnect))
	case c.stage == stageJoining && bytes.HasPrefix(p, []byte(packetConnected)):
		c.stage = stageJoined
		l.arrival(c)
	default:
		return fmt.Errorf("the server sent an unexpected packet: %.80q", p)
	}
	return nil
}
