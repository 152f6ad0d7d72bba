package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeNamesWhatExists: the table of features cannot rot. Each row has a test that is in the tree, or says
// that the feature is not there, and the names of Go that stand alone in it are those of server/socketio.
func TestReadmeNamesWhatExists(t *testing.T) {
	tests, names := testsByPackage(t), exportedNames(t, "socketio")
	rows := 0
	for line := range strings.Lines(featuresOfReadme(t)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || strings.HasPrefix(line, "| ---") || cells[0] == " Node" {
			continue
		}
		rows++
		if len(cells) != 3 {
			t.Errorf("not three cells: %s", line)
			continue
		}
		pkg, exported := "socketio", names
		if other := otherPackage.FindStringSubmatch(cells[1]); other != nil {
			pkg = other[1]
			exported = exportedNames(t, directoryOf(pkg))
		}
		for _, name := range goName.FindAllStringSubmatch(cells[1], -1) {
			if !exported[name[1]] {
				t.Errorf("%s has no %s: %s", pkg, name[1], line)
			}
		}
		if proof := strings.TrimSpace(cells[2]); proof != "–" {
			checkProof(t, tests, proof, line)
		} else if !strings.Contains(cells[1], "not ") {
			t.Errorf("neither a test nor a reason: %s", line)
		}
	}
	if rows < 50 {
		t.Errorf("only %d rows", rows)
	}
}

var (
	goName = regexp.MustCompile("`([A-Z]\\w*(?:\\.[A-Z]\\w*)?)`")
	// Names of Go are those of server/socketio, unless the row says of which package: adapter, or one of adapters.
	otherPackage = regexp.MustCompile("package `(\\w+)`")
	// A proof is the end of a package's path, followed by tests and quoted texts; there may be several.
	proofPart = regexp.MustCompile(`"[^"]+"|\w+`)
	testName  = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz|Example)\w*)\(`)
)

func checkProof(t *testing.T, tests map[string]*packageTests, proof, line string) {
	t.Helper()
	var in *packageTests
	found := 0
	for _, part := range proofPart.FindAllString(proof, -1) {
		switch isTest := testName.MatchString("func " + part + "("); {
		case !isTest && part[0] != '"':
			if in = tests[part]; in == nil {
				t.Errorf("no package with tests is called %s: %s", part, line)
				return
			}
			continue
		case in == nil:
			t.Errorf("%s is in no package: %s", part, line)
			return
		case isTest && !in.names[part], !isTest && !strings.Contains(in.text, part):
			t.Errorf("there is no %s: %s", part, line)
		}
		found++
	}
	if found == 0 {
		t.Errorf("no test: %s", line)
	}
}

// directoryOf returns where a package is that a row names.
func directoryOf(pkg string) string {
	if pkg == "adapter" {
		return pkg
	}
	return filepath.FromSlash("../adapters/" + pkg)
}

// featuresOfReadme returns the README's part about features.
func featuresOfReadme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash("../README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, features, found := strings.Cut(string(text), "\n## Every feature")
	if !found {
		t.Fatal("the README has no table of features")
	}
	features, _, _ = strings.Cut(features, "\n## ")
	return features
}

// packageTests are the tests of a package: their names, and the text of all files that have any, or cases of one.
type packageTests struct {
	names map[string]bool
	text  string
}

// testsByPackage returns the tests by the last element of their package's path, scenarios among those of e2e.
func testsByPackage(t *testing.T) map[string]*packageTests {
	t.Helper()
	all := map[string]*packageTests{}
	add := func(name, pkg string) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		p := all[pkg]
		if p == nil {
			p = &packageTests{names: map[string]bool{}}
			all[pkg] = p
		}
		p.text += string(text)
		for _, match := range testName.FindAllStringSubmatch(string(text), -1) {
			p.names[match[1]] = true
		}
	}
	for _, f := range goFiles(t) {
		pkg := path.Base(path.Dir(f.path))
		if strings.HasSuffix(f.path, "_test.go") || pkg == "adaptertest" {
			add(filepath.Join("..", filepath.FromSlash(f.path)), pkg)
		}
	}
	scenarios, err := filepath.Glob(filepath.FromSlash("e2e/js/*.mjs"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range scenarios {
		add(name, "e2e")
	}
	return all
}

// exportedNames returns the exported names of a package, and its methods and fields as "Type.Name".
func exportedNames(t *testing.T, dir string) map[string]bool {
	t.Helper()
	names := map[string]bool{}
	files, err := fs.Glob(os.DirFS(dir), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, name), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			nameDeclared(decl, names)
		}
	}
	return names
}

func nameDeclared(decl ast.Decl, names map[string]bool) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		owner := ""
		if decl.Recv != nil {
			ast.Inspect(decl.Recv.List[0].Type, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && owner == "" {
					owner = id.Name + "."
				}
				return true
			})
		}
		names[owner+decl.Name.Name] = true
	case *ast.GenDecl:
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.ValueSpec:
				for _, id := range spec.Names {
					names[id.Name] = true
				}
			case *ast.TypeSpec:
				names[spec.Name.Name] = true
				if s, ok := spec.Type.(*ast.StructType); ok {
					for _, field := range s.Fields.List {
						for _, id := range field.Names {
							names[spec.Name.Name+"."+id.Name] = true
						}
					}
				}
			}
		}
	}
}
