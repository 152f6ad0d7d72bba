package disk

import (
	"time"

	"go.etcd.io/bbolt"

	"parley/namespaces/identity"
)

type revocationRecord struct {
	Before time.Time `json:"before,omitzero"` // of a user
	Until  time.Time `json:"until"`
}

// Revocations returns the deny list that is kept, which keeps what is added to it.
// That of a nil File is empty and keeps nothing.
func (f *File) Revocations() (*identity.Revocations, error) {
	list := new(identity.Revocations)
	if f == nil {
		return list, nil
	}
	err := f.commit(func(tx *bbolt.Tx) error {
		for _, bucket := range [][]byte{bucketTokens, bucketUsers} {
			if err := dropExpired(tx, bucket); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = f.view(func(tx *bbolt.Tx) error {
		err := each(tx, bucketTokens, nil, func(id, record []byte) error {
			var r revocationRecord
			if err := get(bucketTokens, id, record, &r); err != nil {
				return err
			}
			return list.RevokeToken(string(id), r.Until)
		})
		if err != nil {
			return err
		}
		return each(tx, bucketUsers, nil, func(user, record []byte) error {
			var r revocationRecord
			if err := get(bucketUsers, user, record, &r); err != nil {
				return err
			}
			return list.RevokeUser(string(user), r.Before, r.Until)
		})
	})
	if err != nil {
		return nil, err
	}
	list.Keeper = revocationKeeper{f}
	return list, nil
}

// dropExpired removes what is about tokens that have all expired.
func dropExpired(tx *bbolt.Tx, bucket []byte) error {
	var old [][]byte
	now := time.Now()
	err := each(tx, bucket, nil, func(key, record []byte) error {
		var r revocationRecord
		err := get(bucket, key, record, &r)
		if r.Until.Before(now) {
			old = append(old, append([]byte(nil), key...))
		}
		return err
	})
	for _, key := range old {
		if err == nil {
			err = tx.Bucket(bucket).Delete(key)
		}
	}
	return err
}

type revocationKeeper struct{ *File }

func (k revocationKeeper) KeepToken(id string, until time.Time) error {
	return k.commit(func(tx *bbolt.Tx) error {
		return put(tx, bucketTokens, []byte(id), revocationRecord{Until: until})
	})
}

func (k revocationKeeper) KeepUser(userID string, before, until time.Time) error {
	return k.commit(func(tx *bbolt.Tx) error {
		return put(tx, bucketUsers, []byte(userID), revocationRecord{before, until})
	})
}
