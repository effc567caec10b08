package crypto

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// literals returns the string literals of a Go file.
func literals(t *testing.T, path string) (found []string) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			s, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, s)
		}
		return true
	})
	return found
}

func TestLabelsKeepApart(t *testing.T) {
	labels := literals(t, "labels.go")
	if len(labels) < 15 {
		t.Fatalf("only %d labels found", len(labels))
	}
	for i, a := range labels {
		if !strings.HasPrefix(a, "postern/1/") && !strings.HasPrefix(a, "postern/2/") || strings.ContainsRune(a, 0) {
			t.Errorf("label %q is not one of ours", a)
		}
		for j, b := range labels {
			if i != j && strings.HasPrefix(a, b) {
				t.Errorf("label %q begins with label %q", a, b)
			}
		}
	}
}

func TestLabelsStandInOneFile(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file == "labels.go" || strings.HasSuffix(file, "_test.go") {
			continue
		}
		for _, s := range literals(t, file) {
			if strings.HasPrefix(s, "postern/") {
				t.Errorf("%s has the label %q; it belongs into labels.go", file, s)
			}
		}
	}
}

// FORMAT.md is normative, so it must name every label.
func TestLabelsAreDocumented(t *testing.T) {
	format, err := os.ReadFile("FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, label := range literals(t, "labels.go") {
		if !strings.Contains(string(format), "`"+label+"`") {
			t.Errorf("FORMAT.md does not name the label %q", label)
		}
	}
}
