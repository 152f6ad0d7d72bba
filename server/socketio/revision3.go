package socketio

import (
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"parley/server/wire/sio"
)

// Clients 1.x and 2.x speak Engine.IO 3 and revision 4 of this protocol, which differs
// in the joining of namespaces: the server joins clients to "/" by itself, no answer
// tells an id, and credentials are a query behind the namespace's name.

// parseV3 is parse for revision 3. The query behind a namespace becomes the payload
// of a CONNECT. Like the payload of newer clients it may be as long as a message.
func (c *client) parseV3(data []byte) (sio.Packet, error) {
	limits := c.server.limits
	longest := limits.Namespace
	limits.Namespace = max(longest, c.server.opts.MaxPayload)
	p, err := sio.Parse(data, limits)
	if err != nil {
		return p, err
	}
	name, query, _ := strings.Cut(p.Namespace, "?")
	if len(name) > longest {
		return p, overLimit(ErrNameTooLong, "MaxName", longest)
	}
	p.Namespace = name
	if p.Type == sio.Connect {
		p.Data, err = authFromQuery(query)
	}
	return p, err
}

// authFromQuery returns a query as a JSON object of strings. Of a name given more than
// once the last value counts.
func authFromQuery(query string) ([]byte, error) {
	if query == "" {
		return nil, nil
	}
	values, _ := url.ParseQuery(query) // what is malformed is left out
	auth := make(map[string]string, len(values))
	for name, list := range values {
		auth[strings.ToValidUTF8(name, "\ufffd")] = strings.ToValidUTF8(list[len(list)-1], "\ufffd")
	}
	return json.Marshal(auth, json.Deterministic(true))
}

// newID returns the id of a new socket. Clients of revision 3 are not told theirs; they
// compose it.
func (c *client) newID(ns *Namespace) string {
	switch {
	case !c.v3:
		return newID()
	case ns.name == sio.MainNamespace:
		return c.session.ID()
	}
	return ns.name + "#" + c.session.ID()
}

// awaitPredecessor lets a socket wait where one with its id has not left yet, since its
// disconnect hooks run. It reports false if there is none.
func (ns *Namespace) awaitPredecessor(s *Socket) bool {
	if !s.client.v3 {
		return false // its id is new
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.sockets[s.id] == nil {
		return false
	}
	if ns.successors == nil {
		ns.successors = make(map[string]*Socket)
	}
	ns.successors[s.id] = s
	return true
}

// admitSuccessor goes on with the socket that waited for another to leave.
func (ns *Namespace) admitSuccessor(id string) {
	ns.mu.Lock()
	next := ns.successors[id]
	delete(ns.successors, id)
	ns.mu.Unlock()
	if next != nil {
		next.receive(nil, &item{kind: itemConnect})
	}
}

// refuseV3 tells a client that a middleware refused it: by the error's data or, if it
// has none, by its text.
func (c *client) refuseV3(namespace string, e *Error) {
	if e.Data != nil {
		c.sendRefusal(namespace, e.Data, e.Message)
	} else {
		c.sendRefusal(namespace, e.Message, e.Message)
	}
}
