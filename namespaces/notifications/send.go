package notifications

import (
	"context"
	"fmt"

	"parley/namespaces/event"
)

// NotifyUser tells one user, on all of their devices and now or when they come, and
// returns the notification's id. The error of a bad id or draft is a *socketio.Error.
func (n *Notifications) NotifyUser(ctx context.Context, userID string, d Draft) (id string, err error) {
	ids, err := n.NotifyUsers(ctx, []string{userID}, d)
	if err != nil {
		return "", err
	}
	return ids[0], nil
}

// NotifyUsers tells each of some users, as NotifyUser does, and returns the ids of
// their notifications in the order of the users. One who is named twice is told once.
// If the store fails it returns the ids of the users before the first who has not been
// told; some behind that one may have been.
func (n *Notifications) NotifyUsers(ctx context.Context, userIDs []string, d Draft) (ids []string, err error) {
	if len(userIDs) == 0 || len(userIDs) > n.opts.Recipients {
		return nil, event.Invalid(fmt.Sprintf("userIds must name 1 to %d users.", n.opts.Recipients))
	}
	for _, user := range userIDs {
		if err := event.Name("userId", user, n.opts.NameBytes); err != nil {
			return nil, err
		}
	}
	c, err := d.content(n.opts.EventBytes)
	if err != nil {
		return nil, err
	}
	told := make(map[string]string, len(userIDs)) // ids by user
	users := make([]string, 0, len(userIDs))      // each once
	for _, user := range userIDs {
		if _, twice := told[user]; !twice {
			told[user] = ""
			users = append(users, user)
		}
	}
	err = n.store.AddEach(ctx, users, c, func(sent Notification, unread Unread) {
		told[unread.UserID] = sent.ID
		_ = n.ns.In(event.UserRoom+unread.UserID).Emit("notification", sent)
		n.count([]Unread{unread})
	})
	for _, user := range userIDs {
		if told[user] == "" {
			break
		}
		ids = append(ids, told[user])
	}
	return ids, err
}

// NotifyRoom tells the users who are in a room now, on all of their devices, and
// whoever else is in it. If not all servers say who that is nobody is told, and the error
// is a *socketio.Error with the code "unavailable": otherwise users would miss it for good.
func (n *Notifications) NotifyRoom(ctx context.Context, roomID string, d Draft) (id string, err error) {
	if err := event.Joinable(ctx, n.ns, "room", roomID, n.opts.NameBytes); err != nil {
		return "", err
	}
	c, err := d.content(n.opts.EventBytes)
	if err != nil {
		return "", err
	}
	users, err := n.usersIn(ctx, roomID)
	if err != nil {
		return "", err
	}
	err = n.store.Add(ctx, users, c, func(sent Notification, counts []Unread) {
		id = sent.ID
		to := n.ns.In(roomID)
		for _, user := range users {
			to = to.To(event.UserRoom + user)
		}
		_ = to.Emit("notification", sent)
		n.count(counts)
	})
	return id, err
}

// usersIn returns the users of the sockets in a room, on all servers.
func (n *Notifications) usersIn(ctx context.Context, roomID string) ([]string, error) {
	sockets, err := n.ns.In(roomID).FetchSockets(ctx)
	if err != nil {
		return nil, fmt.Errorf("notifications: room not known: %w: %w", event.ErrNotAll, err)
	}
	var users []string
	seen := make(map[string]bool)
	for _, s := range sockets {
		if user, known := userKey.Get(s); known && !seen[user] {
			seen[user] = true
			users = append(users, user)
		}
	}
	return users, nil
}

// Broadcast tells everyone: who is connected, known or not, and the users who have
// been here and are away.
func (n *Notifications) Broadcast(ctx context.Context, d Draft) (id string, err error) {
	c, err := d.content(n.opts.EventBytes)
	if err != nil {
		return "", err
	}
	err = n.store.AddForAll(ctx, c, func(sent Notification, counts []Unread) {
		id = sent.ID
		_ = n.ns.Emit("notification", sent)
		n.count(counts)
	})
	return id, err
}

// count tells users how many notifications they have not read.
func (n *Notifications) count(counts []Unread) {
	for _, c := range counts {
		_ = n.ns.In(event.UserRoom+c.UserID).Emit("unread-count", unreadCount{c.Count})
	}
}
