package redis

import (
	"errors"

	"github.com/go-json-experiment/json"
)

// A wake is why a node is woken by another one, about a turn. It is the first byte of
// a message on the node's channel; the key follows as JSON.
type wake byte

const (
	wakeWanted wake = 'w' // another node wants the turn
	wakeYours  wake = 'y' // the node has the turn, if it wants it
)

func (w wake) message(key turnKey) []byte {
	text, err := json.Marshal([...]string{key.namespace, key.room, key.name})
	if err != nil {
		panic(err) // names are text
	}
	return append([]byte{byte(w)}, text...)
}

// hear takes a message of another node.
func (t *turns) hear(_ string, message []byte) error {
	w, key, ok := parseWake(message)
	if !ok {
		return errors.New("redis: not a message about a turn")
	}
	t.woken(w, key)
	return nil
}

func parseWake(message []byte) (w wake, key turnKey, ok bool) {
	var names [3]string
	if len(message) == 0 || json.Unmarshal(message[1:], &names) != nil {
		return 0, key, false
	}
	w = wake(message[0])
	return w, turnKey{names[0], names[1], names[2]}, w == wakeWanted || w == wakeYours
}
