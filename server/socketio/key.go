package socketio

// A Key names a value that belongs to a socket, such as the user behind it, and
// gives it a type. Keys are package variables, made once by NewKey. The value stays on
// this server; for others there is [SharedKey].
type Key[T any] struct{ name *string }

// NewKey returns a key that differs from all others. The name is for people.
func NewKey[T any](name string) Key[T] { return Key[T]{&name} }

// String returns the key's name.
func (k Key[T]) String() string { return *k.name }

// Set gives s a value under the key. It may be called from any goroutine.
func (k Key[T]) Set(s *Socket, v T) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.data {
		if s.data[i].key == k.name {
			s.data[i].value = v
			return
		}
	}
	s.data = append(s.data, datum{k.name, v})
}

// Get returns the value of s under the key, and whether there is one.
func (k Key[T]) Get(s *Socket) (T, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.data {
		if d.key == k.name {
			v, ok := d.value.(T)
			return v, ok || d.value == nil
		}
	}
	var none T
	return none, false
}

// A datum is one value of a socket. There are few, so a list of them is smaller
// than a map and as quick.
type datum struct {
	key   *string // nil for a shared value
	value any
}

// sameKey reports whether two values are under one key.
func (d datum) sameKey(other datum) bool {
	if d.key != nil || other.key != nil {
		return d.key == other.key
	}
	a, b := d.value.(*sharedValue), other.value.(*sharedValue)
	return a.name == b.name
}
