package event

import (
	"context"
	"errors"
	"time"

	"parley/server/socketio"
)

// retryAfter is how long what is not available is left alone.
const retryAfter = 500 * time.Millisecond

// Retry calls try until what it needs is available, or ctx ends. Failed hears of the first time that it is not.
func Retry(ctx context.Context, try func() error, failed func(error)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for first := true; ; first = false {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		err := try()
		if !Unavailable(err) {
			return
		}
		if first {
			failed(err)
		}
		timer.Reset(retryAfter)
	}
}

// Unavailable reports whether an error is about what may be there again later.
func Unavailable(err error) bool {
	known, ok := errors.AsType[*socketio.Error](err)
	return ok && known.Code == ErrNotAll.Code
}
