package notifications

import "context"

// A Store keeps what users have been told, and whether they have read it.
//
// Each method is atomic for each user that it concerns, and calls publish, once, with
// the change that it has made, in the order of the changes: whatever publish sends
// arrives in this order. Publish must not call the Store. Its slices must not be
// changed. A method that returns an error has not called publish, but for those of
// several users, of whom some may have been told.
type Store interface {
	// Arrive notes a socket of a user, who is kept at least as long as there is one.
	// A user who is new to the store has no notifications.
	Arrive(ctx context.Context, user, socket string, publish func(unread int)) error
	// Depart undoes Arrive.
	Depart(ctx context.Context, user, socket string) error
	// Add keeps one notification for all of the users, none of whom is named twice.
	Add(ctx context.Context, users []string, c Content, publish func(Notification, []Unread)) error
	// AddEach keeps one notification for each of the users, none of whom is named twice,
	// with ids in their order, and calls publish for each that is kept, with its user for
	// RecipientID.
	AddEach(ctx context.Context, users []string, c Content, publish func(Notification, Unread)) error
	// AddForAll keeps a notification for all users that the store knows, and publishes
	// the counts of those who have sockets.
	AddForAll(ctx context.Context, c Content, publish func(Notification, []Unread)) error
	// List returns a user's newest notifications, newest first; of those before an id
	// if that is not empty.
	List(ctx context.Context, user, before string, limit int, unreadOnly bool) (Page, error)
	// MarkRead marks some notifications of a user as read, or all for a nil list, and
	// returns how many were not. Ids that are not there are nothing to mark. Publish is
	// called only if there is a change.
	MarkRead(ctx context.Context, user string, ids []string, publish func(unread int)) (int, error)
}

// A Shared is a Store of several servers, which now and then has to tell users of this
// one something that none of their clients has caused.
type Shared interface {
	Store
	// Watch says what publishes counts on the Store's own account: after a notification
	// for everyone on another server, after changes of one user on several servers at
	// once, which may have been told in the wrong order, and after Arrive has failed, for
	// users who are here all the same. It is called once, before the other methods.
	Watch(publish func([]Unread))
	// Recount publishes the counts of all users with sockets of this server anew.
	Recount()
}

// Unread is how many notifications a user has not read.
type Unread struct {
	UserID string
	Count  int
}

// A Page is a part of a user's list.
type Page struct {
	Notifications []Notification
	More          bool // there are older ones
}

// cut returns the page without what is beyond so many bytes, but with one notification
// at least.
func (p Page) cut(maxBytes int) Page {
	size := 0
	for i := range p.Notifications {
		if size += p.Notifications[i].size(); size > maxBytes && i > 0 {
			return Page{p.Notifications[:i], true}
		}
	}
	return p
}
