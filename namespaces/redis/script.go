package redis

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"

	"parley/server/socketio"
)

// The scripts. The client may run one again if the answer was lost, so each must stand
// being run twice. All keys of one are in one slot.
//
//go:embed lua/*.lua
var sources embed.FS

// script returns the script in files of lua, without their suffix, one behind the other.
// For package variables.
func script(names ...string) *redis.Script {
	var text []byte
	for _, name := range names {
		source, err := sources.ReadFile("lua/" + name + ".lua")
		if err != nil {
			panic(err)
		}
		text = append(text, source...)
	}
	return redis.NewScript(string(text))
}

// run runs a script. Its errors are fit for clients.
func (db *DB) run(ctx context.Context, s *redis.Script, keys []string, args ...any) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, db.opts.Timeout)
	defer cancel()
	v, err := s.Run(ctx, db.client, keys, args...).Result()
	if errors.Is(err, redis.Nil) {
		return nil, nil
	}
	return v, unavailable(err)
}

// errUnavailable is what clients read while Redis, or who has a turn, does not answer.
var errUnavailable = &socketio.Error{Code: "unavailable", Message: "Not available at the moment. Please try again."}

// unavailable returns an error of Redis as one that is fit for clients, and nil for nil.
func unavailable(err error) error {
	if err == nil || errors.Is(err, errUnavailable) {
		return err
	}
	return fmt.Errorf("redis: %w: %w", errUnavailable, err)
}

// op returns an id for one call of a script that the client may run more than once.
func (db *DB) op() string { return db.id + "." + strconv.FormatUint(db.ops.Add(1), 36) }
