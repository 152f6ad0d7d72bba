package redis

import (
	"context"
	"fmt"
	"testing"

	"parley/adapters/redisconn/redistest"

	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
)

func TestDocumentsOfOneNode(t *testing.T) {
	server := redistest.Start(t)
	n := 0
	documentstest.Run(t, func(t *testing.T, opts *documents.Options) documents.Store {
		n++
		db, err := Open(server.Client(t), &Options{Prefix: fmt.Sprint("p", n)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Close(context.Background()); err != nil {
				t.Error(err)
			}
		})
		return db.Documents(opts)
	})
}
