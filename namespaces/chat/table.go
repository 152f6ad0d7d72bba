package chat

// A table is a map that gives its memory back: a Go map keeps the room of its largest moment, which for a chat room
// or a server that was full once is most of the time too much. The zero table is empty and ready.
type table[K comparable, V any] struct {
	m    map[K]V
	peak int
}

// A map smaller than this is not worth copying.
const smallTable = 64

func (t *table[K, V]) get(k K) (V, bool) {
	v, ok := t.m[k]
	return v, ok
}

func (t *table[K, V]) put(k K, v V) {
	if t.m == nil {
		t.m = make(map[K]V)
	}
	t.m[k] = v
	t.peak = max(t.peak, len(t.m))
}

func (t *table[K, V]) delete(k K) {
	delete(t.m, k)
	switch {
	case len(t.m) == 0:
		*t = table[K, V]{}
	case t.peak > smallTable && len(t.m) < t.peak/4:
		smaller := make(map[K]V, len(t.m))
		for k, v := range t.m {
			smaller[k] = v
		}
		t.m, t.peak = smaller, len(smaller)
	}
}

func (t *table[K, V]) len() int { return len(t.m) }
