package webtransport

import (
	"testing"

	"parley/server/internal/leaktest"
)

func TestMain(m *testing.M) { leaktest.Main(m) }
