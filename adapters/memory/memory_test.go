package memory_test

import (
	"testing"

	"parley/adapters/adaptertest"
	"parley/adapters/memory"
)

func TestMemoryIsAnAdapter(t *testing.T) {
	adaptertest.Run(t, func(*testing.T) adaptertest.Connector { return memory.NewBus(nil).Adapter })
}
