package disk

import (
	"sync/atomic"

	"go.etcd.io/bbolt"

	"parley/namespaces/chat"
)

// Chat returns the part of the file for chat.Options. A nil File has none.
func (f *File) Chat() chat.Keeper {
	if f == nil {
		return nil
	}
	return chatKeeper{f}
}

type chatKeeper struct{ *File }

type roomRecord struct {
	Name      string `json:"name"`
	Creator   string `json:"creator"`
	CreatedAt string `json:"createdAt"`
	Made      bool   `json:"made,omitempty"`
}

func (k chatKeeper) Load(room string) (*chat.KeptRoom, error) {
	var kept *chat.KeptRoom
	err := k.view(func(tx *bbolt.Tx) error {
		record := tx.Bucket(bucketRooms).Get([]byte(room))
		if record == nil {
			return nil
		}
		var r roomRecord
		if err := get(bucketRooms, []byte(room), record, &r); err != nil {
			return err
		}
		kept = &chat.KeptRoom{ID: room, Name: r.Name, Creator: r.Creator, CreatedAt: r.CreatedAt, Made: r.Made}
		p := prefix(room)
		return each(tx, bucketMessages, p, func(id, record []byte) error {
			var m chat.Message
			err := get(bucketMessages, append(p, id...), record, &m)
			kept.Messages = append(kept.Messages, m)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

func (k chatKeeper) Make(r chat.KeptRoom) error {
	if err := take(&k.rooms, k.opts.Rooms); err != nil {
		return err
	}
	err := k.commit(func(tx *bbolt.Tx) error {
		return put(tx, bucketRooms, []byte(r.ID), roomRecord{r.Name, r.Creator, r.CreatedAt, r.Made})
	})
	if err != nil {
		k.rooms.Add(-1)
	}
	return err
}

// take counts one more room.
func take(n *atomic.Int64, limit int) error {
	if n.Add(1) > int64(limit) {
		n.Add(-1)
		return &chat.LimitError{What: "Too many rooms are kept", Max: limit}
	}
	return nil
}

func (k chatKeeper) Append(room string, messages []chat.Message, drop []string) error {
	p := prefix(room)
	return k.commit(func(tx *bbolt.Tx) error {
		for _, m := range messages {
			if err := put(tx, bucketMessages, append(p, m.ID...), m); err != nil {
				return err
			}
		}
		for _, id := range drop {
			if err := tx.Bucket(bucketMessages).Delete(append(p, id...)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (k chatKeeper) Delete(room string) error {
	p := prefix(room)
	err := k.commit(func(tx *bbolt.Tx) error {
		if err := remove(tx, bucketMessages, p, func([]byte) bool { return true }); err != nil {
			return err
		}
		return tx.Bucket(bucketRooms).Delete([]byte(room))
	})
	if err == nil {
		k.rooms.Add(-1)
	}
	return err
}

// remove deletes the first records whose keys begin with a prefix, as long as the rest
// of the key says so.
func remove(tx *bbolt.Tx, bucket, p []byte, old func(rest []byte) bool) error {
	var keys [][]byte
	b := tx.Bucket(bucket)
	c := b.Cursor()
	for k, _ := c.Seek(p); len(k) >= len(p) && string(k[:len(p)]) == string(p) && old(k[len(p):]); k, _ = c.Next() {
		keys = append(keys, append([]byte(nil), k...)) // no deleting under a cursor
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func (k chatKeeper) Rooms(limit int) (rooms []chat.Room, more bool, err error) {
	err = k.view(func(tx *bbolt.Tx) error {
		c := tx.Bucket(bucketRooms).Cursor()
		for id, record := c.First(); id != nil; id, record = c.Next() {
			if more = len(rooms) == limit; more {
				break
			}
			var r roomRecord
			if err := get(bucketRooms, id, record, &r); err != nil {
				return err
			}
			rooms = append(rooms, chat.Room{ID: string(id), Name: r.Name, CreatedAt: r.CreatedAt})
		}
		return nil
	})
	return rooms, more, err
}

func (k chatKeeper) Made() map[string]int { return k.made }
