package redispubsub

import (
	"strings"
	"unicode/utf16"
)

// channels are the names of a namespace's channels. Those of Node are not unambiguous:
// a namespace with # in its name would share some with rooms of other namespaces. So
// such a namespace has names of its own, under which no Node server is.
type channels struct {
	base    string // broadcasts; on the sharded wire requests too
	counted string // has as many subscribers as the namespace has servers
	shared  string // answers to servers that do not say who they are; classic only
	answers string // begins the channels of answers to one server
	lost    string // where Parley servers say that messages were lost
}

func (o *Options) channels(namespace string) channels {
	key := o.Key
	if o.Secret != nil {
		key += "-signed"
	}
	if strings.Contains(namespace, "#") {
		key += "-escaped"
		namespace = escape.Replace(namespace)
	}
	base, lost := key+"#"+namespace+"#", key+"-lost#"+namespace+"#"
	if o.Wire == Sharded {
		return channels{base: base, counted: base, answers: base, lost: lost}
	}
	shared := key + "-response#" + namespace + "#"
	return channels{base: base, counted: key + "-request#" + namespace + "#", shared: shared, answers: shared, lost: lost}
}

var escape = strings.NewReplacer("%", "%25", "#", "%23")

// room is the channel of broadcasts to one room.
func (c *channels) room(name string) string { return c.base + name + "#" }

// answersTo is the channel of answers to one server.
func (c *channels) answersTo(id string) string { return c.answers + id + "#" }

// idLength is the length of a socket's id, in UTF-16 units.
const idLength = 20

// private reports whether a room may be the one of a socket, to which Node servers may not
// be subscribed. Ids of clients of revision 3 begin with the namespace. That Node forgets
// where it sends, so that its clients miss what is for one of them alone.
func private(namespace, room string) bool {
	id := strings.TrimPrefix(room, namespace+"#")
	if len(id) < idLength || len(id) > 3*idLength {
		return false
	}
	n := 0
	for _, r := range id {
		n += max(utf16.RuneLen(r), 1)
	}
	return n == idLength
}
