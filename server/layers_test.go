package server

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "parley/"

// layers names every package and what of this repository it may import, so that imports only ever point down.
// A package has no place until it stands here. "x/..." stands for x and all below it.
var layers = map[string][]string{
	"server/wire/eio":           {},
	"server/wire/sio":           {},
	"server/wire/msgpack":       {"server/wire/sio"},
	"server/internal/leaktest":  {},
	"server/internal/negotiate": {},
	"server/internal/clientfiles": {
		"server/internal/negotiate",
	},
	"server/internal/reactor": {},
	"server/internal/deflate": {},
	"server/internal/transport": {
		"server/internal/reactor", "server/internal/deflate", "server/wire/eio",
	},
	"server/internal/transport/polling": {
		"server/internal/negotiate", "server/internal/transport", "server/internal/reactor", "server/wire/eio",
	},
	"server/internal/transport/websocket": {
		"server/internal/transport", "server/internal/reactor", "server/internal/deflate", "server/wire/eio",
	},
	"server/engineio": {
		"server/internal/transport", "server/internal/transport/polling", "server/internal/transport/websocket",
		"server/internal/reactor", "server/internal/deflate", "server/wire/eio",
	},
	"server/adapter":         {},
	"server/internal/replay": {"server/adapter"},
	"server/socketio": {
		"server/adapter", "server/engineio", "server/internal/clientfiles", "server/internal/replay",
		"server/wire/msgpack", "server/wire/sio",
	},
	"server/webtransport": {
		"server/socketio", "server/engineio", "server/internal/transport", "server/internal/reactor", "server/wire/eio",
	},
	"server/socketiotest":          {"server/socketio", "server/engineio", "server/wire/eio", "server/wire/msgpack", "server/wire/sio"},
	"server/e2e/...":               {"server/..."},
	"adapters/cluster":             {"server/adapter"},
	"adapters/memory":              {"adapters/cluster", "server/adapter"},
	"adapters/redisconn":           {},
	"adapters/redisconn/redistest": {},
	"adapters/forward":             {},
	"adapters/nodewire":            {"adapters/cluster", "server/adapter", "server/wire/msgpack", "server/wire/sio"},
	"adapters/redisemitter":        {"adapters/cluster", "adapters/nodewire", "server/adapter", "server/socketio"},
	"adapters/redisstreams": {
		"adapters/cluster", "adapters/nodewire", "adapters/redisconn", "server/adapter",
	},
	"adapters/redispubsub": {
		"adapters/cluster", "adapters/nodewire", "adapters/redisconn", "server/adapter",
	},
	"adapters/adaptertest": {
		"server/adapter", "server/socketio", "server/socketiotest",
	},
	"namespaces/event":        {"server/socketio"},
	"namespaces/identity":     {"server/socketio"},
	"namespaces/limits":       {"server/socketio"},
	"namespaces/documents/ot": {},
	"namespaces/documents":    {"namespaces/documents/ot", "namespaces/event", "namespaces/identity", "server/socketio"},
	"namespaces/documents/documentstest": {
		"namespaces/documents", "namespaces/documents/ot", "namespaces/identity", "server/socketio", "server/socketiotest",
	},
	"namespaces/chat":                            {"namespaces/event", "namespaces/identity", "namespaces/limits", "server/socketio"},
	"namespaces/chat/chattest":                   {"namespaces/chat"},
	"namespaces/notifications":                   {"namespaces/event", "namespaces/identity", "server/socketio"},
	"namespaces/notifications/notificationstest": {"namespaces/notifications"},
	"namespaces/pubsub":                          {"namespaces/event", "namespaces/identity", "server/socketio"},
	"namespaces/plain":                           {"namespaces/event", "namespaces/identity", "server/socketio"},
	"namespaces/disk":                            {"namespaces/chat", "namespaces/documents", "namespaces/documents/ot", "namespaces/identity", "namespaces/notifications"},
	"namespaces/redis":                           {"adapters/redisconn", "namespaces/...", "server/socketio"},
	"client-demo":                                {},
	"cmd/parley":                                 {"server/socketio", "server/engineio", "server/adapter", "namespaces/...", "adapters/...", "client-demo"},
	"cmd/parley-bench":                           {"adapters/redispubsub", "adapters/redisstreams", "server/adapter", "server/socketio", "server/wire/eio", "server/wire/sio"},
}

// thirdParty names every module from elsewhere, and the packages that may import it. Their tests may too.
var thirdParty = map[string][]string{
	"github.com/go-json-experiment/json": {"server/socketio", "server/socketiotest", "namespaces/..."},
	"github.com/gobwas/ws":               {"server/internal/transport/websocket", "cmd/parley-bench"},
	"github.com/quic-go":                 {"server/webtransport"},
	"github.com/klauspost/compress":      {"server/internal/deflate"},
	"github.com/golang-jwt/jwt/v5":       {"namespaces/identity", "namespaces/notifications", "namespaces/pubsub", "namespaces/plain"}, // but the first: their tests
	"github.com/MicahParks/jwkset":       {"namespaces/identity"},
	"github.com/MicahParks/keyfunc/v3":   {"namespaces/identity"},
	"go.etcd.io/bbolt":                   {"namespaces/disk"},
	"github.com/coder/websocket":         {"namespaces/plain"},
	"github.com/redis/go-redis/v9": {
		"adapters/redisconn/...", "adapters/redispubsub", "adapters/redisstreams", "adapters/redisemitter", "adapters/forward",
		"namespaces/redis", "cmd/parley", "cmd/parley-bench", "server/e2e", // the last: its tests
	},
	"golang.org/x/time": {"namespaces/limits", "namespaces/plain"},
	"golang.org/x/sys":  {"server/internal/reactor", "cmd/parley-bench"},
}

func TestImportsPointDown(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		pkg := filepath.ToSlash(filepath.Dir(f.path))
		test := strings.HasSuffix(f.path, "_test.go")
		home := place(pkg)
		if home == "" && !test {
			t.Errorf("%s: the package has no place in layers", f.path)
			continue
		}
		seen[home] = true
		for _, imported := range f.imports {
			switch ours, isOurs := strings.CutPrefix(imported, module); {
			case isOurs && !test && ours != home && !allowed(layers[home], ours):
				t.Errorf("%s must not import %s", f.path, imported)
			case !isOurs && strings.Contains(firstElement(imported), "."):
				checkThirdParty(t, f.path, pkg, imported)
			}
		}
	}
	for pkg := range layers {
		if !seen[pkg] {
			t.Errorf("%s has a place in layers and no file", pkg)
		}
	}
}

func TestLayersHaveNoCycle(t *testing.T) {
	type progress int
	const entered, left progress = 1, 2
	state := map[string]progress{}
	var visit func(pkg string)
	visit = func(pkg string) {
		switch state[pkg] {
		case entered:
			t.Errorf("%s stands above itself", pkg)
			return
		case left:
			return
		}
		state[pkg] = entered
		for _, below := range layers[pkg] {
			for other := range layers {
				if other != pkg && allowed([]string{below}, other) {
					visit(other)
				}
			}
		}
		state[pkg] = left
	}
	for _, pkg := range slices.Sorted(maps.Keys(layers)) {
		visit(pkg)
	}
}

func checkThirdParty(t *testing.T, file, pkg, imported string) {
	t.Helper()
	for mod, users := range thirdParty {
		if imported == mod || strings.HasPrefix(imported, mod+"/") {
			if !allowed(users, pkg) {
				t.Errorf("%s must not import %s", file, imported)
			}
			return
		}
	}
	t.Errorf("%s imports %s, a module that has no place in thirdParty", file, imported)
}

// allowed reports whether a list names a package.
func allowed(list []string, pkg string) bool {
	return slices.ContainsFunc(list, func(entry string) bool {
		parent, all := strings.CutSuffix(entry, "/...")
		return pkg == parent || all && strings.HasPrefix(pkg, parent+"/")
	})
}

// TestQUICIsOptIn: a program has it only if it imports server/webtransport.
func TestQUICIsOptIn(t *testing.T) {
	list := func(pkg string) string {
		out, err := exec.Command("go", "list", "-deps", module+pkg).Output()
		if err != nil {
			t.Fatalf("go list %s: %v", pkg, err)
		}
		return string(out)
	}
	for pkg, want := range map[string]bool{"server/webtransport": true, "server/socketio": false, "cmd/parley": false} {
		if got := strings.Contains(list(pkg), "quic-go/"); got != want {
			t.Errorf("%s contains QUIC: %t, want %t", pkg, got, want)
		}
	}
}

// place returns the entry of layers for a package, or nothing.
func place(pkg string) string {
	for entry := range layers {
		if allowed([]string{entry}, pkg) {
			return entry
		}
	}
	return ""
}

func firstElement(importPath string) string {
	first, _, _ := strings.Cut(importPath, "/")
	return first
}

type goFile struct {
	path    string // from the root of the repository
	imports []string
}

func goFiles(t *testing.T) []goFile {
	t.Helper()
	const root = ".."
	var files []goFile
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		f := goFile{path: filepath.ToSlash(rel)}
		for _, spec := range parsed.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			f.imports = append(f.imports, imported)
		}
		files = append(files, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
