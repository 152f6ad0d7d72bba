package disk

import (
	"fmt"

	"go.etcd.io/bbolt"

	"parley/namespaces/notifications"
)

// Notifications returns the part of the file for notifications.Options, whose limits
// bound it. A nil File has none.
func (f *File) Notifications() notifications.Keeper {
	if f == nil {
		return nil
	}
	return notificationsKeeper{f}
}

type notificationsKeeper struct{ *File }

type noticeRecord struct {
	Type        notifications.Type `json:"type"`
	RecipientID string             `json:"recipientId,omitempty"`
	Timestamp   string             `json:"timestamp"`
	Data        string             `json:"data,omitempty"` // JSON, byte for byte
}

func putNotice(tx *bbolt.Tx, bucket, key []byte, n notifications.Notification) error {
	return put(tx, bucket, key, noticeRecord{n.Type, n.RecipientID, n.Timestamp, string(n.Data)})
}

func getNotice(bucket, key, record []byte, id string) (notifications.Notification, error) {
	var r noticeRecord
	err := get(bucket, key, record, &r)
	n := notifications.Notification{ID: id, Type: r.Type, RecipientID: r.RecipientID, Timestamp: r.Timestamp}
	if r.Data != "" {
		n.Data = []byte(r.Data)
	}
	return n, err
}

func (k notificationsKeeper) Load() (kept notifications.Kept, err error) {
	err = k.view(func(tx *bbolt.Tx) error {
		err := each(tx, bucketEveryone, nil, func(id, record []byte) error {
			n, err := getNotice(bucketEveryone, id, record, string(id))
			kept.Everyone = append(kept.Everyone, n)
			return err
		})
		if err != nil {
			return err
		}
		return each(tx, bucketInboxes, nil, func(user, record []byte) error {
			u := notifications.KeptUser{ID: string(user)}
			if err := get(bucketInboxes, user, record, &u.Head); err != nil {
				return err
			}
			kept.Users = append(kept.Users, u)
			return loadInbox(tx, &kept.Users[len(kept.Users)-1])
		})
	})
	if err != nil {
		return notifications.Kept{}, fmt.Errorf("notifications: %w", err)
	}
	return kept, nil
}

// loadInbox reads a user's notifications.
func loadInbox(tx *bbolt.Tx, u *notifications.KeptUser) error {
	p := prefix(u.ID)
	err := each(tx, bucketNotices, p, func(id, record []byte) error {
		n, err := getNotice(bucketNotices, append(p, id...), record, string(id))
		u.Own = append(u.Own, n)
		return err
	})
	if err != nil {
		return err
	}
	return each(tx, bucketRead, p, func(id, record []byte) error {
		u.Read = append(u.Read, string(id))
		_, err := verify(bucketRead, append(p, id...), record)
		return err
	})
}

func (k notificationsKeeper) Keep(c notifications.Change) error {
	return k.commit(func(tx *bbolt.Tx) error {
		for _, n := range c.Everyone {
			if err := putNotice(tx, bucketEveryone, []byte(n.ID), n); err != nil {
				return err
			}
		}
		for _, id := range c.DropEveryone {
			if err := tx.Bucket(bucketEveryone).Delete([]byte(id)); err != nil {
				return err
			}
		}
		for user, u := range c.Users {
			if err := keepUser(tx, user, u); err != nil {
				return err
			}
		}
		return nil
	})
}

// keepUser makes the part of a change that is about one user.
func keepUser(tx *bbolt.Tx, user string, u *notifications.UserChange) error {
	p := prefix(user)
	if u.Clear || u.Head == nil {
		for _, bucket := range [][]byte{bucketNotices, bucketRead} {
			if err := remove(tx, bucket, p, func([]byte) bool { return true }); err != nil {
				return err
			}
		}
	}
	if u.Head == nil {
		return tx.Bucket(bucketInboxes).Delete([]byte(user))
	}
	if err := put(tx, bucketInboxes, []byte(user), u.Head); err != nil {
		return err
	}
	for _, n := range u.Add {
		if err := putNotice(tx, bucketNotices, append(p, n.ID...), n); err != nil {
			return err
		}
	}
	for _, id := range u.Read {
		if err := put(tx, bucketRead, append(p, id...), true); err != nil {
			return err
		}
	}
	for _, id := range u.Drop {
		for _, bucket := range [][]byte{bucketNotices, bucketRead} {
			if err := tx.Bucket(bucket).Delete(append(p, id...)); err != nil {
				return err
			}
		}
	}
	return nil
}
