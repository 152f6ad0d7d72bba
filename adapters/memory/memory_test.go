package memory_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"parley/adapters/adaptertest"
	"parley/adapters/memory"
)

func TestMemoryIsAnAdapter(t *testing.T) {
	adaptertest.Run(t, func(*testing.T) adaptertest.Connector { return memory.NewBus(nil).Adapter })
}

func TestLateMemoryIsAnAdapter(t *testing.T) {
	late := &memory.Options{Fault: func() (time.Duration, bool) {
		return time.Duration(rand.IntN(500)) * time.Microsecond, false
	}}
	adaptertest.Run(t, func(*testing.T) adaptertest.Connector { return memory.NewBus(late).Adapter })
}

func TestImpossibleOptionsPanic(t *testing.T) {
	for field, opts := range map[string]memory.Options{"Queue": {Queue: -1}, "Timeout": {Timeout: -1}} {
		func() {
			defer func() {
				if got, want := recover(), "memory: Options."+field+" is negative"; got != want {
					t.Errorf("got %v, want %s", got, want)
				}
			}()
			memory.NewBus(&opts)
		}()
	}
}
