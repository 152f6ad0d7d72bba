package socketio

import (
	stdjson "encoding/json"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// A SharedKey names a value that belongs to a socket and that other servers see too,
// as a member of RemoteSocket.Data: data.<name> in the words of Node. Keys of one
// name are one key. What is not for others belongs under a [Key].
type SharedKey[T any] struct{ name string }

// NewSharedKey returns the key of a name.
func NewSharedKey[T any](name string) SharedKey[T] { return SharedKey[T]{name} }

// String returns the key's name.
func (k SharedKey[T]) String() string { return k.name }

// Set gives s a value under the key. The error says why the value cannot be encoded
// as JSON; the old value stays then. What others see is the value at this moment.
func (k SharedKey[T]) Set(s *Socket, v T) error {
	raw, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("socketio: shared value %s: %w", k.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, d := range s.data {
		if old, ok := d.value.(*sharedValue); ok && d.key == nil && old.name == k.name {
			s.data[i].value = &sharedValue{k.name, v, raw}
			return nil
		}
	}
	s.data = append(s.data, datum{value: &sharedValue{k.name, v, raw}})
	return nil
}

// Get returns the value of a *Socket or a RemoteSocket under the key, and whether
// there is one of the key's type.
func (k SharedKey[T]) Get(s SharedData) (v T, ok bool) {
	shared := s.shared(k.name)
	if shared == nil {
		return v, false
	}
	if v, ok = shared.value.(T); ok {
		return v, true
	}
	ok = json.Unmarshal(shared.raw, &v) == nil
	return v, ok
}

// SharedData is what has values under shared keys: a *Socket or a RemoteSocket.
type SharedData interface {
	shared(name string) *sharedValue
}

// A sharedValue is a value under a shared key. It is never changed.
type sharedValue struct {
	name  string
	value any // nil where only the JSON is known
	raw   jsontext.Value
}

func (s *Socket) shared(name string) *sharedValue {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.data {
		if v, ok := d.value.(*sharedValue); ok && d.key == nil && v.name == name {
			return v
		}
	}
	return nil
}

func (r RemoteSocket) shared(name string) *sharedValue {
	var all map[string]jsontext.Value
	if json.Unmarshal(r.Data, &all) != nil || all[name] == nil {
		return nil
	}
	return &sharedValue{name: name, raw: all[name]}
}

// sharedData returns what other servers see; nil if there is nothing.
func (s *Socket) sharedData() map[string]stdjson.RawMessage {
	var all map[string]stdjson.RawMessage
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.data {
		if v, ok := d.value.(*sharedValue); ok && d.key == nil {
			if all == nil {
				all = make(map[string]stdjson.RawMessage)
			}
			all[v.name] = stdjson.RawMessage(v.raw)
		}
	}
	return all
}
