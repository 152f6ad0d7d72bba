package documents_test

import (
	"testing"

	"parley/namespaces/documents"
	"parley/namespaces/documents/documentstest"
)

func TestMemory(t *testing.T) {
	documentstest.Run(t, func(_ *testing.T, opts *documents.Options) documents.Store { return documents.NewMemory(opts) })
}
