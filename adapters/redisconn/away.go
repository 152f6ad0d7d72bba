package redisconn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// await waits until the owner of the next command answers again, and fails what has become too old meanwhile. It returns the number of
// attempts so far, or zero when the queue has run empty and the goroutine is to end.
func (l *lane) await(tries int, cause error) int {
	for {
		closing := l.expire(cause)
		l.mu.Lock()
		if len(l.queue) == 0 {
			l.done = nil
			l.mu.Unlock()
			l.back()
			return 0
		}
		pin := l.queue[0].pin
		l.mu.Unlock()
		if closing {
			continue
		}
		select {
		case <-time.After(min(l.c.backoff(tries), l.c.opts.MaxAge)):
		case <-l.c.ctx.Done():
		}
		err := l.ping(pin)
		if err == nil {
			return tries
		}
		tries++
		cause = err
		l.c.reload()
	}
}

// expire fails the commands that are too old; all of them once the Conn is closing.
func (l *lane) expire(cause error) (closing bool) {
	reason := ErrExpired
	oldest := time.Now().Add(-l.c.opts.MaxAge)
	for {
		l.mu.Lock()
		closing = l.closing
		if closing {
			reason = ErrClosed
		}
		if len(l.queue) == 0 || l.queue[0].Cmd != nil && !closing && l.queue[0].at.After(oldest) {
			l.mu.Unlock()
			return closing
		}
		m := l.pop()
		err := fmt.Errorf("%w: %w", reason, cause)
		if m.Cmd != nil {
			l.failures++
			l.failure = err
			l.c.stats.expired.Add(1)
		}
		l.mu.Unlock()
		m.finish(l.c, nil, err)
	}
}

// ping asks a pin's owner for a sign of life, once.
func (l *lane) ping(pin string) error {
	ctx, cancel := context.WithTimeout(l.c.ctx, l.c.opts.Timeout)
	defer cancel()
	node, _, err := l.c.node(ctx, pin)
	if err != nil {
		return err
	}
	return node.Process(ctx, &command{Cmd: redis.NewCmd(ctx, "ping")})
}

// What has become of a command.
type outcome int

const (
	carriedOut outcome = iota // or refused for good
	untouched                 // may be sent again
	redirected                // to a node that imports the slot
	unknown
)

// fate judges by the command's error.
func (m *command) fate() outcome {
	err := m.Err()
	if err == nil {
		return carriedOut // before the next variable, which is on the heap
	}
	var answer redis.Error
	switch {
	case errors.As(err, &answer):
		return verdict(answer)
	case !m.written:
		return untouched
	}
	return unknown
}

// passing begins the answers of a Redis that has not carried out a command, and soon may.
var passing = []string{
	"LOADING ", "READONLY ", "MOVED ", "CLUSTERDOWN ", "MASTERDOWN ", "TRYAGAIN ", "UNBLOCKED ", "max number of clients reached",
}

func verdict(answer redis.Error) outcome {
	text := strings.TrimPrefix(answer.Error(), "ERR ")
	if strings.HasPrefix(text, "ASK ") {
		return redirected
	}
	for _, begin := range passing {
		if strings.HasPrefix(text, begin) {
			return untouched
		}
	}
	return carriedOut
}
