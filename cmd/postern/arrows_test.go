package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is what `go list -json` reports about a package.
type listed struct {
	ImportPath   string
	GoFiles      []string
	Doc          string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// packages lists every package of the module.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,GoFiles,Doc,Imports,TestImports,XTestImports", "postern/...")
	cmd.Dir = "../.."
	var failed bytes.Buffer
	cmd.Stderr = &failed
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &failed)
	}
	var all []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 20 {
		t.Fatalf("only %d packages were listed", len(all))
	}
	return all
}

// arrow says which of our packages a layer may import. A pattern is a package, or with "/..." a package and all below.
type arrow struct {
	from  string
	to    []string
	tests []string // packages that only tests may import: doubles of the layers below
	why   string
}

// alloctest is for the tests of all layers.
const alloctest = "postern/crypto/alloctest"

// below returns the packages of cmd/postern with these names.
func below(names ...string) (paths []string) {
	for _, name := range names {
		paths = append(paths, "postern/cmd/postern/"+name)
	}
	return paths
}

// layers are the layers under the programs, the highest first.
var layers = []string{"postern/metrics/...", "postern/dav/...", "postern/vfs/...", "postern/cache/...",
	"postern/remote/...", "postern/crypto"}

// arrows is the picture in the README, line by line. The first that fits a package counts.
var arrows = []arrow{
	{"postern/cmd/postern/say", []string{"postern/remote", "postern/vfs"}, nil,
		"words for people need only the kinds of errors"},
	{"postern/cmd/postern/home", []string{"postern/vfs/staging", "postern/remote", "postern/remote/verify",
		"postern/remote/localfs", "postern/remote/pace", "postern/crypto"}, nil,
		"the folder of one machine does not know what is served from it"},
	{"postern/cmd/postern/localca", nil, nil, "a certificate authority knows nothing of the drive"},
	{"postern/cmd/postern/system", nil, nil, "running programs of the system needs nothing of ours"},
	{"postern/cmd/postern/trust", below("system"), nil, "plans for a system are plain functions"},
	{"postern/cmd/postern/mount", below("system"), nil, "plans for a system are plain functions"},
	{"postern/cmd/postern/control", append(below("say"), "postern/remote/transfer", "postern/vfs/..."),
		[]string{"postern/remote"}, "orders to a gateway do not depend on what carries them out"},
	{"postern/cmd/postern/reach", below("home", "localca", "say"), nil,
		"how a drive is reached does not depend on what serves it"},
	{"postern/cmd/postern/linkpage", []string{"postern/remote", "postern/crypto"}, []string{"postern/remote/mem"},
		"the page of links shows ciphertext by its name, and knows no drive"},
	{"postern/cmd/postern/gateway", append(below("control", "home", "linkpage", "reach", "say"), layers...),
		below("localca"),
		"the gateway wires the layers, and knows no command"},
	{"postern/cmd/postern/account", append(below("gateway", "control", "home", "say"), "postern/remote/...",
		"postern/crypto", "postern/vfs/meet"), nil, "accounts are managed by functions that know no command"},
	{"postern/cmd/postern/carry", append(below("gateway", "control", "home", "say"), "postern/vfs/...",
		"postern/remote/...", "postern/crypto"), nil, "drives are carried by functions that know no command"},
	{"postern/cmd/postern/command", append(below("gateway", "control", "home", "reach", "say"), "postern/crypto"), nil,
		"what commands have in common depends on none of them"},
	{"postern/cmd/postern/command/...", append(below("command", "account", "carry", "gateway", "control", "home",
		"localca", "mount", "reach", "say", "system", "trust"), "postern/vfs/...", "postern/remote/...",
		"postern/crypto"), nil, "a family of commands knows no other family, and wires no layers itself"},
	{"postern/cmd/...", []string{"postern/..."}, nil, "the programs use everything"},
	{"postern/metrics/...", layers, nil, "metrics watch the layers"},
	{"postern/dav/...", []string{"postern/dav/...", "postern/vfs", "postern/vfs/layout", "postern/vfs/versions"},
		[]string{"postern/vfs/vfstest"}, "WebDAV speaks to the drive's contract and layout, not to what keeps it"},
	{"postern/vfs/...", []string{"postern/vfs/...", "postern/remote", "postern/remote/localfs", "postern/crypto"},
		[]string{"postern/remote/...", "postern/cache"},
		"the drive knows the contract of remotes and the local disk, neither drivers nor caches"},
	{"postern/cache/...", []string{"postern/cache/...", "postern/remote", "postern/crypto"},
		[]string{"postern/remote/..."}, "a cache sees ciphertext only"},
	{"postern/remote/localfs/...", []string{"postern/remote/localfs/..."}, nil,
		"a filesystem knows nothing of what lies on it"},
	{"postern/remote/...", []string{"postern/remote/...", "postern/crypto"}, nil,
		"a remote knows sealed blobs and signed pointers"},
	{alloctest, nil, nil, "what measures tests uses nothing of ours"},
	{"postern/crypto", nil, nil, "crypto stands below everything"},
}

func fits(pattern, path string) bool {
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == base || strings.HasPrefix(path, base+"/")
	}
	return path == pattern
}

func allowed(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return fits(p, path) })
}

// TestArrows keeps the layers apart. Tests may use doubles of the layers below them, but nothing above; those of the
// drive may also use a real cache, which a collection and a check must read past.
func TestArrows(t *testing.T) {
	for _, p := range packages(t) {
		at := slices.IndexFunc(arrows, func(a arrow) bool { return fits(a.from, p.ImportPath) })
		if at < 0 {
			t.Errorf("%s is in no layer: the folders at the top are fixed", p.ImportPath)
			continue
		}
		a := arrows[at]
		for _, path := range p.Imports {
			if ours(path) && !allowed(a.to, path) {
				t.Errorf("%s imports %s, but %s", p.ImportPath, path, a.why)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if ours(path) && path != p.ImportPath && path != alloctest && !allowed(a.to, path) && !allowed(a.tests, path) {
				t.Errorf("the tests of %s import %s, which is above", p.ImportPath, path)
			}
		}
	}
}

// TestNobodyImportsCommands: only packages below cmd import a package below cmd.
func TestNobodyImportsCommands(t *testing.T) {
	for _, p := range packages(t) {
		if fits("postern/cmd/...", p.ImportPath) {
			continue
		}
		for _, path := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			if fits("postern/cmd/...", path) {
				t.Errorf("%s imports %s", p.ImportPath, path)
			}
		}
	}
}

// TestMainIsATable: a new command is a folder below command and a line in main.go.
func TestMainIsATable(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath == "postern/cmd/postern" && !slices.Equal(p.GoFiles, []string{"main.go"}) {
			t.Errorf("package main has %q: commands belong into a family, and logic beside it", p.GoFiles)
		}
	}
}

// TestCryptoIsPure: no I/O, no context, no clock.
func TestCryptoIsPure(t *testing.T) {
	for _, p := range packages(t) {
		if p.ImportPath != "postern/crypto" {
			continue
		}
		for _, path := range p.Imports {
			if slices.Contains([]string{"os", "net", "net/http", "time", "context", "syscall", "crypto/rand", "math/rand",
				"math/rand/v2"}, path) {
				t.Errorf("crypto imports %s", path)
			}
		}
		return
	}
	t.Fatal("there is no package crypto")
}

// TestPackageDocs: every package says what it is for.
func TestPackageDocs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.Doc) < 40 {
			t.Errorf("%s has no doc comment that says what it is for: %q", p.ImportPath, p.Doc)
		}
	}
}

func ours(path string) bool { return fits("postern/...", path) }
