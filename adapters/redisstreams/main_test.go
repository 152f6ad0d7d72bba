package redisstreams_test

import (
	"os"
	"testing"

	"github.com/redis/go-redis/v9/logging"
)

func TestMain(m *testing.M) {
	logging.Disable() // go-redis tells of each connection that it cannot make
	os.Exit(m.Run())
}
