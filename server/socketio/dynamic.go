package socketio

import (
	"context"
	"fmt"
	"regexp"
	"runtime/debug"
	"slices"
)

// OfRegexp returns a parent namespace for all names that the expression matches,
// which like any of Go's is not anchored: "^/room-[0-9]+$". It stands for its
// children. They come into being when a client connects, and go with their last
// socket unless Of has asked for them. Handlers, middlewares, hooks and listeners of
// the parent are those of every child, before the child's own, whenever they are
// registered; a child's handler of the same event takes precedence. What is emitted
// to the parent, or to a Target of it, reaches all children that there are on this
// server, and their sockets on others; calls and FetchSockets ask them all.
//
// A name that Of was given before is not matched; of any other the first parent that
// matches, in the order of registration, has the child.
func (s *Server) OfRegexp(re *regexp.Regexp) *Namespace {
	return s.addParent(re.String(), matcher{
		regexp: re,
		match:  func(_ context.Context, name string, _ Handshake) bool { return re.MatchString(name) },
	})
}

// OfFunc is OfRegexp with a function instead of an expression. It is asked for each
// client that wants to connect, also where the child is there already, so it may look
// at the credentials. It may block: only that client's namespace waits for it. Its
// context ends when the client is gone. After a panic the client is refused.
func (s *Server) OfFunc(match func(ctx context.Context, name string, h Handshake) bool) *Namespace {
	return s.addParent("function", matcher{match: match})
}

// OnNamespace adds a hook for namespaces that come into being, by Of or with a first
// client; parents are none. No socket connects to the namespace before the hook has
// returned. A panic in it is logged.
func (s *Server) OnNamespace(hook func(ns *Namespace)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.created = appended(s.created, hook)
}

// Lookup returns the namespace called name if there is one at this moment, else nil.
// Unlike Of it neither makes nor keeps a child.
func (s *Server) Lookup(name string) *Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.namespaces[withSlash(name)]
}

// Namespaces returns the namespaces that there are at this moment, in no order.
// Parents are not among them.
func (s *Server) Namespaces() []*Namespace {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]*Namespace, 0, len(s.namespaces))
	for _, ns := range s.namespaces {
		list = append(list, ns)
	}
	return list
}

// A matcher makes a namespace a parent.
type matcher struct {
	regexp *regexp.Regexp // nil if it is a function that matches
	match  func(ctx context.Context, name string, h Handshake) bool
}

func (s *Server) addParent(name string, m matcher) *Namespace {
	ns := newNamespace(s, name, nil)
	ns.matcher = &m
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parents = appended(s.parents, ns)
	return ns
}

// children returns those of a parent at this moment; ok is false if ns is none.
func (ns *Namespace) children() (list []*Namespace, ok bool) {
	if ns.matcher == nil {
		return nil, false
	}
	ns.server.mu.RLock()
	defer ns.server.mu.RUnlock()
	for _, other := range ns.server.namespaces {
		if other.parent == ns {
			list = append(list, other)
		}
	}
	return list, true
}

// chain returns the hooks that concern a namespace: its parent's before its own.
func (ns *Namespace) chain() (all [2]*hooks) {
	all[0] = &noHooks
	if ns.parent != nil {
		all[0] = ns.parent.hooks.Load()
	}
	all[1] = ns.hooks.Load()
	return all
}

var noHooks hooks

// parentByRegexp returns the parent for a name that Of was given. The caller holds s.mu.
func (s *Server) parentByRegexp(name string) *Namespace {
	for _, parent := range s.parents {
		if re := parent.matcher.regexp; re != nil && re.MatchString(name) {
			return parent
		}
	}
	return nil
}

// announce tells the hooks of a namespace that the caller has made.
func (s *Server) announce(ns *Namespace) {
	defer close(ns.ready)
	s.mu.RLock()
	hooks := s.created
	s.mu.RUnlock()
	for _, hook := range hooks {
		s.guarded("new namespace", func() { hook(ns) })
	}
}

// guarded calls a hook, of which a panic is logged.
func (s *Server) guarded(what string, hook func()) {
	defer func() {
		if v := recover(); v != nil {
			s.opts.Logger.Error("panic in a hook", "hook", what, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		}
	}()
	hook()
}

// An applicant is a socket whose namespace is not settled: its own is a stand-in that
// has only the name.
type applicant Socket

// Run finds the namespace and puts the socket that is meant into the place of the
// applicant.
func (a *applicant) Run() {
	s := (*Socket)(a)
	c, srv := s.client, s.client.server
	ns := srv.enlist(s)
	if ns == nil {
		if s.end(nil, ReasonServerDisconnect) == stateConnecting {
			c.forget(s, false)
			c.refuse(s.ns.name, errNoNamespace)
		}
		return
	}
	settled := c.newSocket(ns, s.id, s.auth)
	if !c.replace(s, settled) {
		ns.release()
		return
	}
	s.end(nil, ReasonServerDisconnect) // ends the context that the matching had
	if !ns.awaitPredecessor(settled) {
		settled.receive(nil, &item{kind: itemConnect})
	}
}

var errNoNamespace = &Error{Message: "Invalid namespace"}

// enlist returns the namespace for an applicant, which counts as one of its sockets
// from then on; nil if there is none.
func (s *Server) enlist(applicant *Socket) *Namespace {
	ctx, name := applicant.handlerContext(), applicant.ns.name
	for applicant.state.Load() != stateClosed {
		s.mu.RLock()
		existing, parents := s.namespaces[name], s.parents
		if existing != nil {
			parents = nil
			if existing.parent != nil {
				parents = []*Namespace{existing.parent}
			}
		}
		s.mu.RUnlock()

		i := slices.IndexFunc(parents, func(p *Namespace) bool { return p.matches(ctx, applicant) })
		var parent *Namespace
		switch {
		case i >= 0:
			parent = parents[i]
		case existing == nil || parents != nil:
			return nil
		}
		if ns := s.hold(name, parent); ns != nil {
			select {
			case <-ns.ready:
				return ns
			case <-ctx.Done():
				ns.release()
				return nil
			}
		}
	}
	return nil
}

func (ns *Namespace) matches(ctx context.Context, applicant *Socket) (yes bool) {
	ns.server.guarded("match", func() {
		yes = ns.matcher.match(ctx, applicant.ns.name, applicant.Handshake())
	})
	return yes
}

// hold counts a socket of a namespace, which it creates if need be. It returns nil
// if meanwhile the name has gone to another parent, or is nobody's any more.
func (s *Server) hold(name string, parent *Namespace) *Namespace {
	s.mu.Lock()
	ns, isNew := s.namespaces[name], false
	switch {
	case ns == nil && parent != nil:
		isNew = true
		ns = s.create(name, parent)
	case ns == nil || ns.parent != parent:
		s.mu.Unlock()
		return nil
	}
	ns.users++
	s.mu.Unlock()
	if isNew {
		s.announce(ns)
	}
	return ns
}

// retain counts one socket more of a namespace that is held already.
func (ns *Namespace) retain() {
	ns.server.mu.Lock()
	defer ns.server.mu.Unlock()
	ns.users++
}

// release gives up what hold counted. A child that has nobody left is removed.
func (ns *Namespace) release() {
	if ns.parent == nil {
		return
	}
	s := ns.server
	s.mu.Lock()
	ns.users--
	last := ns.users == 0 && !ns.kept
	if last {
		delete(s.namespaces, ns.name)
	}
	s.mu.Unlock()
	if last {
		ns.retire()
	}
}

// retire ends what a namespace that nobody uses any more has running. Its name may be
// another's by now, so events of other servers are refused at once.
func (ns *Namespace) retire() {
	if r := ns.recovery.Load(); r != nil && !r.shared {
		r.log.Close()
	}
	if ns.peers != nil {
		ns.serverSide.refuse()
		ns.server.retiring.Go(func() {
			ns.peers.failed(opLeave, ns.peers.leave(ns.server.life))
		})
	}
}
