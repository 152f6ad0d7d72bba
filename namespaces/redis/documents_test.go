package redis

import (
	"fmt"
	"testing"

	"parley/adapters/redisconn/redistest"

	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
	"parley/namespaces/notifications"
	"parley/namespaces/notifications/notificationstest"
)

func TestDocumentsOfOneNode(t *testing.T) {
	server := redistest.Start(t)
	n := 0
	documentstest.Run(t, func(t *testing.T, opts *documents.Options) documents.Store {
		n++
		return open(t, connect(t, server), &Options{Prefix: fmt.Sprint("p", n)}).Documents(opts)
	})
}

// TestStoresOnARedisCluster tries that the keys of each script are in one slot, and that scripts are loaded wherever they are used.
func TestStoresOnARedisCluster(t *testing.T) {
	cluster := redistest.StartCluster(t, 3)
	n := 0
	db := func(t *testing.T) *DB {
		n++
		return open(t, cluster.Client(t), &Options{Prefix: fmt.Sprint("p", n)})
	}
	documentstest.Run(t, func(t *testing.T, opts *documents.Options) documents.Store { return db(t).Documents(opts) })
	notificationstest.Run(t, func(t *testing.T, opts *notifications.Options) notifications.Store {
		return db(t).Notifications(opts)
	})
}
