package redis

import (
	"fmt"
	"testing"

	"parley/adapters/redisconn/redistest"
	"parley/namespaces/notifications"
	"parley/namespaces/notifications/notificationstest"
)

func TestNotificationsOfOneNode(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	n := 0
	notificationstest.Run(t, func(t *testing.T, opts *notifications.Options) notifications.Store {
		n++
		return open(t, connect(t, server), &Options{Prefix: fmt.Sprint("p", n)}).Notifications(opts)
	})
}
