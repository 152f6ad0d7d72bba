package redis

import (
	"context"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"parley/adapters/redisconn"
	"parley/namespaces/event"
	"parley/namespaces/notifications"
)

// Notifications returns the store of the notifications with the limits of opts, of which
// Users and Bytes mean nothing here: each user has a list of its own in Redis, until
// nothing has happened to it for Idle. To be called once, before the first use of the DB.
//
// What one node tells a user arrives in the order of the changes, the counts too. Where
// several nodes tell one user something at once its counts may arrive in any order; the
// right one is sent again a moment later.
func (db *DB) Notifications(opts *notifications.Options) notifications.Store {
	s := &notificationStore{
		db: db, opts: opts.WithDefaults(), ids: event.NewIDs(time.Now), publish: func([]notifications.Unread) {},
		lane: make(chan struct{}, 1), wake: make(chan struct{}, 1), here: make(map[string]int), recounts: make(map[string]time.Time),
	}
	db.conn.Subscribe(redisconn.SubOptions{Channel: s.channel(), OnGap: s.Recount, Handler: func(_ string, node []byte) error {
		if string(node) != db.id {
			s.note(&s.news)
		}
		return nil
	}})
	db.spawn(s.tend)
	return s
}

// notificationStore is the notifications.Store in Redis.
type notificationStore struct {
	db      *DB
	opts    notifications.Options
	ids     *event.IDs
	publish func([]notifications.Unread)
	lane    chan struct{} // of capacity 1: has something in it while somebody works
	wake    chan struct{} // of capacity 1: there is something for tend

	everyone everyone // for who works

	mu       sync.Mutex // guards what follows
	waiting  []*inboxOp
	here     map[string]int       // sockets of this node by user
	recounts map[string]time.Time // when the counts of users are to be published again
	told     bool                 // this node has told everyone something
	news     bool                 // another one has
}

var _ notifications.Shared = (*notificationStore)(nil)

func (s *notificationStore) Watch(publish func([]notifications.Unread)) { s.publish = publish }

func (s *notificationStore) channel() string { return s.db.channel("everyone") }

func (s *notificationStore) Arrive(ctx context.Context, user, _ string, publish func(unread int)) error {
	s.mu.Lock()
	s.here[user]++
	s.mu.Unlock()
	op := &inboxOp{users: []string{user}, args: count}
	op.finish = func() { publish(op.results[0].unread) }
	err := s.do(ctx, op)
	if err != nil {
		s.recount(time.Now().Add(simultaneous), user)
	}
	return err
}

func (s *notificationStore) Depart(_ context.Context, user, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.here[user]--; s.here[user] <= 0 {
		delete(s.here, user)
	}
	return nil
}

func (s *notificationStore) Add(ctx context.Context, users []string, c notifications.Content, publish func(notifications.Notification, []notifications.Unread)) error {
	var n notifications.Notification
	var record []byte
	op := &inboxOp{users: users, args: func(int) []any { return []any{"add", n.ID, record} }}
	op.prepare = func(context.Context) (err error) {
		n = s.stamp(c)
		record, err = encodeNotice(n)
		return err
	}
	op.finish = func() { publish(n, op.counts()) }
	return s.do(ctx, op)
}

func (s *notificationStore) AddEach(ctx context.Context, users []string, c notifications.Content, publish func(notifications.Notification, notifications.Unread)) error {
	list, records := make([]notifications.Notification, len(users)), make([][]byte, len(users))
	op := &inboxOp{users: users, args: func(i int) []any { return []any{"add", list[i].ID, records[i]} }}
	op.prepare = func(context.Context) (err error) {
		for i, user := range users {
			list[i] = s.stamp(c)
			list[i].RecipientID = user
			if records[i], err = encodeNotice(list[i]); err != nil {
				return err
			}
		}
		return nil
	}
	op.finish = func() {
		for i, r := range op.results {
			if r.done {
				publish(list[i], notifications.Unread{UserID: users[i], Count: r.unread})
			}
		}
	}
	return s.do(ctx, op)
}

func (s *notificationStore) AddForAll(ctx context.Context, c notifications.Content, publish func(notifications.Notification, []notifications.Unread)) error {
	var n notifications.Notification
	op := &inboxOp{args: count, alone: true}
	op.prepare = func(ctx context.Context) error {
		n = s.stamp(c)
		record, err := encodeNotice(n)
		if err != nil {
			return err
		}
		op.users = s.present()
		return s.refresh(ctx, n.ID, record)
	}
	op.finish = func() {
		publish(n, op.counts())
		s.note(&s.told)
	}
	return s.do(ctx, op)
}

func (s *notificationStore) List(ctx context.Context, user, before string, limit int, unreadOnly bool) (notifications.Page, error) {
	op := &inboxOp{users: []string{user}, args: func(int) []any { return []any{"list", before, limit + 1, flag(unreadOnly)} }}
	if err := s.do(ctx, op); err != nil {
		return notifications.Page{}, err
	}
	fields := op.results[0].reply
	p := notifications.Page{Notifications: []notifications.Notification{}}
	for i := 0; i+2 < len(fields.list()); i += 3 {
		if len(p.Notifications) == limit {
			p.More = true
			break
		}
		n, err := decodeNotice(fields.at(i).text(), fields.at(i+1).text())
		if err != nil {
			s.db.trouble("notification of "+user, err)
			continue
		}
		n.Read = fields.at(i+2).int() == 1
		p.Notifications = append(p.Notifications, n)
	}
	return p, nil
}

func (s *notificationStore) MarkRead(ctx context.Context, user string, ids []string, publish func(unread int)) (int, error) {
	args := []any{"read-all"}
	if ids != nil {
		args[0] = "read"
		for _, id := range ids {
			args = append(args, id)
		}
	}
	op := &inboxOp{users: []string{user}, args: func(int) []any { return args }}
	op.finish = func() {
		if r := op.results[0]; r.reply.int() > 0 {
			publish(r.unread)
		}
	}
	if err := s.do(ctx, op); err != nil {
		return 0, err
	}
	return op.results[0].reply.int(), nil
}

// count is the operation that changes nothing.
func count(int) []any { return []any{"count"} }

// present returns the users with sockets of this node.
func (s *notificationStore) present() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	users := make([]string, 0, len(s.here))
	for user := range s.here {
		users = append(users, user)
	}
	return users
}

// stamp makes a notification of what it says.
func (s *notificationStore) stamp(c notifications.Content) notifications.Notification {
	n := notifications.Notification{Type: c.Type, Data: c.Data}
	n.ID, n.Timestamp = s.ids.Next()
	return n
}

// A noticeRecord is a notification in Redis, under its id.
type noticeRecord struct {
	Type        notifications.Type `json:"type"`
	RecipientID string             `json:"recipientId,omitzero"`
	Timestamp   string             `json:"timestamp"`
	Data        string             `json:"data,omitzero"` // JSON, byte for byte
}

func encodeNotice(n notifications.Notification) ([]byte, error) {
	return json.Marshal(noticeRecord{n.Type, n.RecipientID, n.Timestamp, string(n.Data)})
}

func decodeNotice(id, record string) (notifications.Notification, error) {
	var r noticeRecord
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		return notifications.Notification{}, err
	}
	n := notifications.Notification{ID: id, Type: r.Type, RecipientID: r.RecipientID, Timestamp: r.Timestamp}
	if r.Data != "" {
		n.Data = jsontext.Value(r.Data)
	}
	return n, nil
}
