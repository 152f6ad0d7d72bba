package chat_test

import (
	"testing"

	"parley/namespaces/chat"
	"parley/namespaces/chat/chattest"
)

func TestMemory(t *testing.T) {
	chattest.Run(t, 2000, func(_ *testing.T, opts *chat.Options) chat.Store { return chat.NewMemory(opts) })
}
