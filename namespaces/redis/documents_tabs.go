package redis

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"parley/namespaces/documents"
	"parley/namespaces/identity"
)

// A docTab is a socket that has a document open.
type docTab struct {
	number int // in the order they came
	socket string
	user   identity.User
}

// parseTabs returns tabs in their order, given by socket.
func parseTabs(all reply) ([]docTab, error) {
	fields := all.texts()
	tabs := make([]docTab, 0, len(fields)/2)
	for i := 0; i+1 < len(fields); i += 2 {
		if fields[i] == "" { // how many there have been
			continue
		}
		tab, err := parseTab(fields[i+1])
		if err != nil {
			return nil, err
		}
		tab.socket = fields[i]
		tabs = append(tabs, tab)
	}
	return byNumber(tabs), nil
}

func byNumber(tabs []docTab) []docTab {
	slices.SortFunc(tabs, func(a, b docTab) int { return cmp.Compare(a.number, b.number) })
	return tabs
}

func parseTab(text string) (t docTab, err error) {
	number, rest, _ := strings.Cut(text, " ")
	_, user, found := strings.Cut(rest, " ")
	if t.number, err = strconv.Atoi(number); err != nil || !found || json.Unmarshal([]byte(user), &t.user) != nil {
		return docTab{}, fmt.Errorf("%w: tab %q", errDamaged, text)
	}
	return t, nil
}

// collaborators are the users behind tabs.
func collaborators(tabs []docTab) []identity.User {
	users := make([]identity.User, len(tabs))
	for i, t := range tabs {
		users[i] = t.user
	}
	return documents.Collaborators(users)
}

func (s *documentStore) Enter(ctx context.Context, id, socket string, u identity.User, publish func(documents.Snapshot, bool)) error {
	c := s.hold(id)
	defer s.release(c)
	return s.do(ctx, c, true, func(ctx context.Context, h *hold) error { return s.enter(ctx, c, h, socket, u, false, publish) })
}

// restore puts a socket of this node back after others have thought it dead. One that is
// away comes back by itself.
func (s *documentStore) restore(ctx context.Context, id, socket string, u identity.User) error {
	c := s.hold(id)
	defer s.release(c)
	return s.do(ctx, c, true, func(ctx context.Context, h *hold) error {
		if _, there := s.tabs.mark(id, socket); !there || s.tabs.owed(id, socket) || !s.watch.Connected(socket) {
			return nil
		}
		return s.enter(ctx, c, h, socket, u, true, func(now documents.Snapshot, news bool) {
			if news {
				s.watch.Changed(id, now.Collaborators)
			}
		})
	})
}

// enter is Enter for who has the turn, and for a socket that stays where it is, if stay is
// set, when it is there through another node.
func (s *documentStore) enter(ctx context.Context, c *docCopy, h *hold, socket string, u identity.User, stay bool, publish func(documents.Snapshot, bool)) error {
	_, there := s.tabs.mark(c.id, socket)
	node, err := s.tabs.add(ctx, c.id, socket, u)
	if err != nil {
		return err
	}
	err = s.appear(ctx, c, h, publish, socket, node, u, stay)
	if err != nil && !there {
		s.tabs.owe(c.id, socket)
	}
	return err
}

// appear puts a socket into a document and publishes that.
func (s *documentStore) appear(ctx context.Context, c *docCopy, h *hold, publish func(documents.Snapshot, bool), socket, node string, u identity.User, stay bool) error {
	user, err := json.Marshal(u)
	if err != nil {
		return err
	}
	tabs, before, err := s.putIn(ctx, c, socket, node, user, flag(stay))
	for err == nil {
		if err := s.settle(ctx, c, h); err != nil {
			return err
		}
		kept, err := h.regain(ctx)
		if err != nil {
			return err
		}
		if kept {
			break
		}
		// Others have changed it meanwhile.
		if tabs, _, err = s.putIn(ctx, c, socket, node, user, flag(stay)); err != nil {
			return err
		}
	}
	if err == nil {
		now := collaborators(tabs)
		publish(c.text.snapshot(c.id, now), !slices.Equal(collaborators(without(tabs, socket, before)), now))
	}
	return err
}

// putIn puts a socket into a document and returns the tabs, and its own as it was before.
func (s *documentStore) putIn(ctx context.Context, c *docCopy, socket string, tab ...any) (tabs []docTab, was *docTab, err error) {
	v, err := s.db.run(ctx, scriptDocEnter, s.keys(c.id), slices.Concat(c.text.is(), []any{socket}, tab)...)
	if err != nil {
		return nil, nil, err
	}
	r := reply{v}
	if err := s.learn(c, r.at(0)); err != nil {
		return nil, nil, err
	}
	tabs, err = parseTabs(r.at(2))
	if text := r.at(1).text(); text != "" && err == nil {
		was = new(docTab)
		*was, err = parseTab(text)
	}
	return tabs, was, unavailable(err)
}

// without returns tabs as they were when one was another, or was not there.
func without(tabs []docTab, socket string, before *docTab) []docTab {
	var was []docTab
	for _, t := range tabs {
		switch {
		case t.socket != socket:
			was = append(was, t)
		case before != nil:
			was = append(was, *before)
		}
	}
	return was
}

func (s *documentStore) Leave(ctx context.Context, id, socket string, publish func([]identity.User)) error {
	c := s.hold(id)
	defer s.release(c)
	err := s.do(ctx, c, false, func(ctx context.Context, h *hold) error { return s.takeOut(ctx, c, h, socket, publish) })
	if err != nil {
		s.tabs.owe(id, socket)
	}
	return err
}

// leave takes a socket out for which Enter or Leave has failed.
func (s *documentStore) leave(ctx context.Context, id, socket string) error {
	c := s.hold(id)
	defer s.release(c)
	return s.do(ctx, c, false, func(ctx context.Context, h *hold) error {
		if !s.tabs.owed(id, socket) {
			return nil // it is back
		}
		return s.takeOut(ctx, c, h, socket, s.changed(id))
	})
}

// evict takes out who has a document open through a node that has ended.
func (s *documentStore) evict(ctx context.Context, id, node string) error {
	c := s.hold(id)
	defer s.release(c)
	return s.do(ctx, c, false, func(ctx context.Context, h *hold) error { return s.vanish(ctx, c, h, s.changed(id), node) })
}

func (s *documentStore) changed(id string) func([]identity.User) {
	return func(now []identity.User) { s.watch.Changed(id, now) }
}

func (s *documentStore) takeOut(ctx context.Context, c *docCopy, h *hold, socket string, publish func([]identity.User)) error {
	node, there := s.tabs.mark(c.id, socket)
	if !there {
		return nil
	}
	err := s.vanish(ctx, c, h, publish, node, socket)
	if err == nil {
		s.tabs.remove(c.id, socket)
	}
	return err
}

// vanish takes out of a document what the script is told, and publishes the collaborators
// if they are others then.
func (s *documentStore) vanish(ctx context.Context, c *docCopy, h *hold, publish func([]identity.User), what ...any) error {
	v, err := s.db.run(ctx, scriptVanish, s.keys(c.id)[2:], what...)
	if err != nil {
		return err
	}
	r := reply{v}
	gone, err := parseTabs(r.at(0))
	if err != nil || len(gone) == 0 {
		return unavailable(err)
	}
	left, err := parseTabs(r.at(1))
	if err != nil {
		return unavailable(err)
	}
	before, now := collaborators(byNumber(slices.Concat(gone, left))), collaborators(left)
	if slices.Equal(before, now) {
		return nil
	}
	kept, err := h.regain(ctx)
	if err == nil && !kept { // others have changed them meanwhile
		now, err = s.look(ctx, c)
	}
	if err == nil {
		publish(now)
	}
	return nil // they are out
}
