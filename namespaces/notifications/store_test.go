package notifications_test

import (
	"testing"

	"parley/namespaces/notifications"
	"parley/namespaces/notifications/notificationstest"
)

func TestMemory(t *testing.T) {
	notificationstest.Run(t, func(_ *testing.T, opts *notifications.Options) notifications.Store {
		return notifications.NewMemory(opts)
	})
}
