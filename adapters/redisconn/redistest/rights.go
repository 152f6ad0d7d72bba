package redistest

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Limited returns a client, closed when the test ends, that has the rights which the README gives to a node. The test must be in
// a package two directories below the README; it fails if anything was refused.
func (s *Server) Limited(t testing.TB) *redis.Client {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^    (ACL SETUSER parley .*)$`).FindSubmatch(text)
	if line == nil {
		t.Fatal("the README has no line ACL SETUSER")
	}
	var command []any
	for _, word := range strings.Fields(string(line[1])) {
		command = append(command, word)
	}
	admin := s.Client(t)
	if err := admin.Do(t.Context(), command...).Err(); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: s.Addr, Username: "parley", Password: "password", ContextTimeoutEnabled: true})
	t.Cleanup(func() {
		_ = c.Close()
		refused, err := admin.Do(context.Background(), "ACL", "LOG").Slice()
		if err != nil || len(refused) > 0 {
			t.Errorf("refused: %v, %v", refused, err)
		}
	})
	return c
}
