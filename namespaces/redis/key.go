package redis

import "strings"

// key returns the name of a key. All keys of one kind and name, which may be anything
// a client has chosen, are in one slot of a cluster, and no other name reaches them.
func (db *DB) key(kind, name, part string) string {
	return db.opts.Prefix + ":" + kind + ":{" + escape(name) + "}:" + part
}

// escape writes a name without the bytes that mean something in a key. No two names
// become the same, and none becomes empty.
func escape(name string) string {
	const special = "{}:%"
	if name == "" {
		return "%"
	}
	if !strings.ContainsAny(name, special) {
		return name
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; strings.IndexByte(special, c) >= 0 {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}
