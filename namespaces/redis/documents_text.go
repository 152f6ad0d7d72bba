package redis

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"parley/namespaces/documents"
	"parley/namespaces/documents/ot"
	"parley/namespaces/identity"
)

// A docText is the text of a document as this node knows it. In Redis each edit stands
// behind a mark, which all edits of one script have and no others, so that a node sees
// whether its version is the one in Redis.
type docText struct {
	*ot.History        // nil: unknown
	mark        string // of the newest edit, if there is one
	kept        bool   // the document is in Redis
	base        int    // the version of the whole text in Redis
	told        int    // all clients have had what came up to this version
}

const markLength = 16

func newMark() string {
	var random [markLength / 2]byte
	rand.Read(random[:])
	return hex.EncodeToString(random[:])
}

var errDamaged = errors.New("what is in Redis does not fit together")

func (t *docText) known() bool { return t.History != nil }

// is returns what the scripts are told about the text.
func (t *docText) is() []any {
	if !t.known() {
		return []any{-1, ""}
	}
	return []any{t.Version(), t.mark}
}

// learn takes in what a script says that is unknown. It reports whether something is lost
// that Redis had before, and clients may have.
func (t *docText) learn(id string, unknown reply) (lost bool, err error) {
	kept, version := unknown.at(0).int() == 1, unknown.at(1).int()
	edits, mark, err := parseEdits(unknown.at(5).list())
	if err != nil {
		return false, err
	}
	if !kept {
		lost = t.kept
		content, version := documents.Initial(id)
		*t = docText{History: ot.NewHistory(content, version), told: version}
		return lost, nil
	}
	before := *t
	t.kept, t.base, t.told = true, unknown.at(2).int(), unknown.at(3).int()
	if content, whole := unknown.at(4).v.(string); whole {
		t.History, err = ot.Restore(content, t.base, edits, version-len(edits)+1)
		t.mark = mark
		// The edit that this node knows would be among those that Redis has.
		lost = before.kept && before.Version() > version-len(edits)
	} else if t.known() {
		for _, e := range edits {
			if err := t.Append(e); err != nil {
				return false, err
			}
			t.mark = mark
		}
	}
	if err == nil && (!t.known() || t.Version() != version) {
		err = errDamaged
	}
	return lost, err
}

// parseEdits returns edits, and the mark of the last.
func parseEdits(records []any) (edits []ot.Edit, mark string, err error) {
	edits = make([]ot.Edit, len(records))
	for i := range records {
		record, _ := records[i].(string)
		if len(record) < markLength {
			return nil, "", errDamaged
		}
		mark = record[:markLength]
		if err := json.Unmarshal([]byte(record[markLength:]), &edits[i]); err != nil {
			return nil, "", fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return edits, mark, nil
}

// fork returns a text that can be changed without t.
func (t *docText) fork() docText {
	next := *t
	next.History = t.Fork()
	return next
}

func (t *docText) snapshot(id string, users []identity.User) documents.Snapshot {
	return documents.Snapshot{DocumentID: id, Content: t.Content(), Version: t.Version(), Collaborators: users}
}
