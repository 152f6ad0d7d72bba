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
	client := redistest.Start(t).Limited(t)
	n := 0
	notificationstest.Run(t, func(t *testing.T, opts *notifications.Options) notifications.Store {
		n++
		return open(t, client, &Options{Prefix: fmt.Sprint("parley:", n)}).Notifications(opts)
	})
}
