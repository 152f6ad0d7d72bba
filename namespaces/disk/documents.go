package disk

import (
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"

	"parley/namespaces/documents"
	"parley/namespaces/documents/ot"
)

// Documents returns the part of the file for documents.Options. A nil File has none.
func (f *File) Documents() documents.Keeper {
	if f == nil {
		return nil
	}
	return documentsKeeper{f}
}

type documentsKeeper struct{ *File }

func (k documentsKeeper) Load(document string) (*documents.Kept, error) {
	var kept *documents.Kept
	err := k.view(func(tx *bbolt.Tx) error {
		record := tx.Bucket(bucketDocuments).Get([]byte(document))
		if record == nil {
			return nil
		}
		kept = new(documents.Kept)
		if err := get(bucketDocuments, []byte(document), record, &kept.Base); err != nil {
			return err
		}
		p := prefix(document)
		return each(tx, bucketEdits, p, func(rest, record []byte) error {
			var e ot.Edit
			if err := get(bucketEdits, append(p, rest...), record, &e); err != nil {
				return err
			}
			version := int(binary.BigEndian.Uint64(rest))
			if len(kept.Edits) == 0 {
				kept.First = version
			}
			if version != kept.First+len(kept.Edits) {
				return fmt.Errorf("%w: an edit of %q is missing", ErrDamaged, document)
			}
			kept.Edits = append(kept.Edits, e)
			return nil
		})
	})
	if err != nil {
		return nil, err
	}
	return kept, nil
}

func (k documentsKeeper) Append(document string, a documents.Addition) error {
	p := prefix(document)
	fresh := false
	err := k.commit(func(tx *bbolt.Tx) error {
		fresh = tx.Bucket(bucketDocuments).Get([]byte(document)) == nil
		if fresh && k.documents.Load() >= int64(k.opts.Documents) {
			return &documents.LimitError{What: "Too many documents are kept", Max: k.opts.Documents}
		}
		if a.Base != nil {
			if err := put(tx, bucketDocuments, []byte(document), a.Base); err != nil {
				return err
			}
		}
		for i, e := range a.Edits {
			if err := put(tx, bucketEdits, binary.BigEndian.AppendUint64(p, uint64(a.First+i)), e); err != nil {
				return err
			}
		}
		return remove(tx, bucketEdits, p, func(rest []byte) bool {
			return int64(binary.BigEndian.Uint64(rest)) <= int64(a.Drop)
		})
	})
	if err == nil && fresh {
		k.documents.Add(1)
	}
	return err
}
