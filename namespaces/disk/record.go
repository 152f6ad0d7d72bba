package disk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"go.etcd.io/bbolt"
)

// The buckets of the file.
var (
	bucketFile      = []byte("file")
	bucketRooms     = []byte("rooms")     // by room
	bucketMessages  = []byte("messages")  // by owner, the room, and message id
	bucketDocuments = []byte("documents") // by document: whole texts
	bucketEdits     = []byte("edits")     // by owner, the document, and version
	bucketTokens    = []byte("tokens")    // by id: revoked ones
	bucketUsers     = []byte("users")     // by user id: whose tokens are revoked
	bucketInboxes   = []byte("inboxes")   // by user id: who has notifications
	bucketNotices   = []byte("notices")   // by owner, the user, and notification id
	bucketRead      = []byte("read")      // by owner, the user, and notification id: which ones have been read
	bucketEveryone  = []byte("everyone")  // by id: notifications for everyone

	buckets = [][]byte{
		bucketFile, bucketRooms, bucketMessages, bucketDocuments, bucketEdits, bucketTokens, bucketUsers,
		bucketInboxes, bucketNotices, bucketRead, bucketEveryone,
	}
)

// The first record of the file says how the others are to be read.
var keyFormat = []byte("format")

const format = 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(bucket, key, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, bucket)
	sum = crc32.Update(sum, castagnoli, key)
	return crc32.Update(sum, castagnoli, value)
}

// put writes a record: a checksum, which covers the key too, and JSON.
func put(tx *bbolt.Tx, bucket, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	record := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(text)), checksum(bucket, key, text))
	return tx.Bucket(bucket).Put(key, append(record, text...))
}

// get reads a record.
func get(bucket, key, record []byte, value any) error {
	text, err := verify(bucket, key, record)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, value)
}

func verify(bucket, key, record []byte) ([]byte, error) {
	if len(record) < 4 || binary.BigEndian.Uint32(record) != checksum(bucket, key, record[4:]) {
		return nil, fmt.Errorf("%w: a record of %s", ErrDamaged, bucket)
	}
	return record[4:], nil
}

// prefix is how the keys of what belongs to an owner begin.
func prefix(owner string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(owner))), owner...)
}

// each calls do for the records whose keys begin with a prefix, in their order, with
// the rest of the key.
func each(tx *bbolt.Tx, bucket, prefix []byte, do func(rest, record []byte) error) error {
	c := tx.Bucket(bucket).Cursor()
	for k, v := c.Seek(prefix); k != nil && bytes.HasPrefix(k, prefix); k, v = c.Next() {
		if err := do(k[len(prefix):], v); err != nil {
			return err
		}
	}
	return nil
}

// check reads everything and counts.
func (f *File) check(tx *bbolt.Tx) error {
	return guard(func() error {
		if err := f.checkSize(tx); err != nil {
			return err
		}
		counts := make(map[string]int64)
		for _, name := range buckets {
			b := tx.Bucket(name)
			if b == nil {
				return fmt.Errorf("it has no %s", name)
			}
			var last []byte
			err := b.ForEach(func(key, record []byte) error {
				if last != nil && bytes.Compare(last, key) >= 0 {
					return errors.New("records out of order")
				}
				last = key
				if b.Get(key) == nil {
					return errors.New("a record is not where it belongs")
				}
				counts[string(name)]++
				return f.checkRecord(name, key, record)
			})
			if err != nil {
				return err
			}
		}
		f.rooms.Store(counts[string(bucketRooms)])
		f.documents.Store(counts[string(bucketDocuments)])
		var v int
		if err := get(bucketFile, keyFormat, tx.Bucket(bucketFile).Get(keyFormat), &v); err != nil {
			return err
		}
		if v != format {
			return fmt.Errorf("its format is %d, not %d", v, format)
		}
		return nil
	})
}

// checkSize finds out whether the end of the file is missing.
func (f *File) checkSize(tx *bbolt.Tx) error {
	info, err := os.Stat(f.db.Path())
	if err != nil {
		return err
	}
	if info.Size() < tx.Size() {
		return fmt.Errorf("%d of its %d bytes are there", info.Size(), tx.Size())
	}
	return nil
}

func (f *File) checkRecord(bucket, key, record []byte) error {
	if !bytes.Equal(bucket, bucketRooms) {
		_, err := verify(bucket, key, record)
		return err
	}
	var r roomRecord
	if err := get(bucket, key, record, &r); err != nil {
		return err
	}
	if r.Made {
		f.made[r.Creator]++
	}
	return nil
}
