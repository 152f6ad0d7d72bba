package redis

import (
	"testing"
)

// Whatever stands in Redis, a node says that it does not fit together, or makes something of it.
func FuzzDocumentInRedis(f *testing.F) {
	f.Add(`1 node {"userId":"u","username":"U"}`, `0123456789abcdef[2,"x",-1]`, "abc", 3, 2)
	f.Add(`x`, `short`, "", -1, -1)
	f.Add(`1 n 0`, `0123456789abcdef["x"]`, "\xff", 1<<62, 0)
	f.Fuzz(func(t *testing.T, tab, edit, content string, version, base int) {
		if got, err := parseTab(tab); err == nil && len(collaborators([]docTab{got, got})) != 1 {
			t.Error(got)
		}
		var text docText
		whole := reply{[]any{int64(1), int64(version), int64(base), int64(0), content, []any{edit}}}
		if _, err := text.learn("id", whole); err != nil {
			return
		}
		if text.Version() != version || text.mark != edit[:markLength] || text.Kept() != 1 {
			t.Errorf("version %d of %d, %d edits", text.Version(), version, text.Kept())
		}
		more := reply{[]any{int64(1), int64(version + 1), int64(base), int64(0), nil, []any{edit}}}
		if _, err := text.learn("id", more); err == nil && text.Version() != version+1 {
			t.Errorf("version %d", text.Version())
		}
	})
}
