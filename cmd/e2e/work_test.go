//go:build e2e

package e2e

import (
	"encoding/xml"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// work is one thing that people and programs do in a folder of a mounted drive, with the check of the result in a copy
// that was fetched from the gateway.
type work struct {
	name  string
	do    func(t *testing.T, m *mount, in string)
	check func(t *testing.T, copied string)
}

// TestMounts does the works on each kind of mount, unmounts, and checks the gateway's contents.
func TestMounts(t *testing.T) {
	t.Parallel()
	source := worksSource(t)
	for _, kind := range []struct {
		name  string
		mount func(*testing.T, *gateway) *mount
		works []work
	}{
		{"davfs2", mountDavfs2,
			[]work{unpack(source), copyTree(source, "tree"), editors(), saves(), offices(), clone(source)}},
		{"rclone", mountRclone,
			[]work{unpack(source), copyTree(source, "tree"), editors(), saves(), offices(), clone(source)}},
		// gvfs has no chmod, so neither tar nor git works on it, and it sends ten requests per file.
		{"gvfs", mountGvfs, []work{copyTree(source, "tree/1"), saves()}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			g := serve(t)
			m := kind.mount(t, g)
			for _, w := range kind.works {
				in := filepath.Join(m.at, "files", w.name)
				if err := os.Mkdir(in, 0o755); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				w.do(t, m, in)
				worked := time.Since(began)
				m.drain()
				t.Logf("%s: %.1f s, and %.1f s until everything had arrived", w.name, worked.Seconds(),
					(time.Since(began) - worked).Seconds())
			}
			m.unmount()
			for _, w := range kind.works {
				t.Run(w.name, func(t *testing.T) {
					copied := t.TempDir()
					g.fetch("/files/"+url.PathEscape(w.name)+"/", copied)
					w.check(t, copied)
				})
			}
		})
	}
}

// worksSource makes the folder that the works copy from: archive.tar of 1,000 files, the same files in archive, a tree
// of 300 files, and a git repository.
func worksSource(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(4, 5))
	write := func(name string, size int) {
		body := make([]byte, size)
		for i := range body {
			body[i] = " abcdefghijklmnopqrstuvwxyz\n"[random.IntN(28)]
		}
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, body, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 1000 {
		write(fmt.Sprintf("archive/folder %d/file %d", i%40, i), random.IntN(8000))
	}
	for i := range 300 {
		write(fmt.Sprintf("tree/%d/%d/file %d", i%3, i%7, i), random.IntN(20_000))
	}
	write("tree/large", 5_000_000)
	runs(t, dir, "tar", "-cf", "archive.tar", "archive")
	runs(t, dir, "git", "init", "-q", "-b", "main", "repository")
	for commit := range 10 {
		for i := range 8 {
			write(fmt.Sprintf("repository/part %d/%d-%d.txt", i%3, commit, i), 3000)
		}
		git(t, filepath.Join(dir, "repository"), "add", ".")
		git(t, filepath.Join(dir, "repository"), "commit", "-qm", fmt.Sprint("commit ", commit))
	}
	return dir
}

// git runs git without the settings of a user.
func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	return runs(t, dir, "git",
		append([]string{"-c", "user.name=e2e", "-c", "user.email=e2e@localhost", "-c", "safe.directory=*"}, args...)...)
}

func unpack(source string) work {
	return work{
		name: "unpack 1,000 files",
		do: func(t *testing.T, _ *mount, in string) {
			runs(t, in, "tar", "-xf", filepath.Join(source, "archive.tar"))
			runs(t, in, "diff", "-r", "archive", filepath.Join(source, "archive"))
		},
		check: func(t *testing.T, copied string) {
			sameTrees(t, filepath.Join(copied, "archive"), filepath.Join(source, "archive"))
		},
	}
}

// copyTree copies a folder of the source.
func copyTree(source, folder string) work {
	tree := filepath.Join(source, folder)
	return work{
		name: "copy a tree",
		do: func(t *testing.T, m *mount, in string) {
			runs(t, in, "cp", "-r", tree, "first")
			runs(t, in, "cp", "-r", "first", "second")
			m.drain() // rclone fails to move a folder while it uploads what is in it
			runs(t, in, "mv", "first", "renamed #1 100%")
			runs(t, in, "rm", "-r", "second/0")
		},
		check: func(t *testing.T, copied string) {
			sameTrees(t, filepath.Join(copied, "renamed #1 100%"), tree)
			want := treeOf(t, tree, false)
			maps.DeleteFunc(want, func(name, _ string) bool { return name == "/0" || strings.HasPrefix(name, "/0/") })
			if got := treeOf(t, filepath.Join(copied, "second"), false); !maps.Equal(got, want) {
				t.Errorf("after removing a part:\n%s", difference(want, got))
			}
		},
	}
}

// editors save in place, by a new file over the old one, and by moving the old one away first.
func editors() work {
	return work{
		name: "editors",
		do: func(t *testing.T, _ *mount, in string) {
			vim := need(t, "vim")
			// On davfs2 a program that reads within a second a file that vim has just saved sees it empty: vim sets the mode of
			// the open file, and davfs2 answers with the old size. So each run of vim has a file of its own.
			for _, how := range []string{"yes", "no", "auto"} {
				if err := os.WriteFile(filepath.Join(in, "backupcopy "+how), []byte("first\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				runs(t, in, vim, "-u", "NONE", "-es", "-c", "set nocompatible writebackup backupskip= backupcopy="+how, "-c",
					"s/first/second/", "-c", "wq", "backupcopy "+how)
			}
			if err := os.WriteFile(filepath.Join(in, "sed"), []byte("first\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			runs(t, in, "sed", "-i", "s/first/second/", "sed")
		},
		check: func(t *testing.T, copied string) {
			holds(t, copied,
				map[string]string{"backupcopy yes": "second\n", "backupcopy no": "second\n", "backupcopy auto": "second\n",
					"sed": "second\n"})
		},
	}
}

// saves does what office programs do: it renames a temporary file over the document, with and without a backup.
func saves() work {
	return work{
		name: "saves",
		do: func(t *testing.T, _ *mount, in string) {
			for version := range 4 {
				tmp, doc := filepath.Join(in, fmt.Sprint("tmp", version)), filepath.Join(in, "doc.odt")
				if err := os.WriteFile(tmp, fmt.Appendf(nil, "version %d", version), 0o644); err != nil {
					t.Fatal(err)
				}
				if version == 3 {
					if err := os.Rename(doc, doc+"~"); err != nil {
						t.Fatal(err)
					}
				}
				if err := os.Rename(tmp, doc); err != nil {
					t.Fatal(err)
				}
				if got, err := os.ReadFile(doc); err != nil || string(got) != fmt.Sprint("version ", version) {
					t.Errorf("after saving version %d the document is %q, %v", version, got, err)
				}
			}
		},
		check: func(t *testing.T, copied string) {
			holds(t, copied, map[string]string{"doc.odt": "version 3", "doc.odt~": "version 2"})
		},
	}
}

// offices opens and saves a document on the mount in LibreOffice.
func offices() work {
	return work{
		name: "offices",
		do: func(t *testing.T, m *mount, in string) {
			o := libreOffice(t, m.g)
			doc := "file://" + filepath.Join(in, "doc.odt")
			o.must("open", "private:factory/swriter")
			for _, text := range []string{"first", "second"} {
				o.must("type", text)
				o.must("saveas", doc)
			}
			o.must("close")
			m.drain()
			o.must("open", doc)
			if text, readonly := o.must("text"), o.must("readonly"); text != "second" || readonly != "no" {
				t.Errorf("opened again the document says %q, read-only: %s", text, readonly)
			}
			o.must("type", "third")
			o.must("save")
			o.must("close")
		},
		check: func(t *testing.T, copied string) {
			all, err := filepath.Glob(filepath.Join(copied, "*"))
			if err != nil || len(all) != 1 {
				t.Fatalf("the folder has %q, %v", all, err)
			}
			body, err := os.ReadFile(filepath.Join(copied, "doc.odt"))
			if err != nil {
				t.Fatal(err)
			}
			says(t, body, "third")
		},
	}
}

func clone(source string) work {
	return work{
		name: "clone",
		do: func(t *testing.T, m *mount, in string) {
			at := filepath.Join(in, "repository")
			git(t, in, "clone", "-q", "--no-hardlinks", filepath.Join(source, "repository"), "repository")
			if err := os.WriteFile(filepath.Join(at, "new.txt"), []byte("made in the drive\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			// Each step waits for the uploads of rclone mount: a file that is replaced and deleted before its upload comes back
			// in its first version, here the branch. (rclone 1.75 does the same on a plain local folder.)
			for _, step := range []string{"add .", "commit -qm drive", "gc -q", "fsck --full --strict", "checkout -q HEAD~5",
				"checkout -q main"} {
				m.drain()
				git(t, at, strings.Fields(step)...)
			}
		},
		check: func(t *testing.T, copied string) {
			at := filepath.Join(copied, "repository")
			git(t, at, "fsck", "--full", "--strict")
			// git looks at the index anew.
			if err := os.WriteFile(filepath.Join(at, ".git", "info", "exclude"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if out := git(t, at, "-c", "core.fileMode=false", "status", "--porcelain"); out != "" {
				t.Errorf("the working tree is not what was committed:\n%s", out)
			}
			if out := git(t, at, "log", "--format=%s"); !strings.HasPrefix(out, "drive\ncommit 9\n") ||
				strings.Count(out, "\n") != 11 {
				t.Errorf("the log is\n%s", out)
			}
		},
	}
}

func sameTrees(t *testing.T, got, want string) {
	t.Helper()
	g, w := treeOf(t, got, false), treeOf(t, want, false)
	if !maps.Equal(g, w) {
		t.Errorf("the trees differ:\n%s", difference(w, g))
	}
}

// holds checks that a folder has exactly these files.
func holds(t *testing.T, dir string, want map[string]string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range entries {
		body, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[e.Name()] = string(body)
	}
	if !maps.Equal(got, want) {
		t.Errorf("have %q, want %q", got, want)
	}
}

// fetch copies a folder of the drive, given escaped and with a slash at its end, to a local folder, by PROPFIND and
// GET.
func (g *gateway) fetch(from, to string) {
	g.t.Helper()
	var listing struct {
		Response []struct {
			Href string `xml:"href"`
		} `xml:"response"`
	}
	if err := xml.Unmarshal(g.must("PROPFIND", from, nil, "Depth", "1"), &listing); err != nil {
		g.t.Fatal(err)
	}
	for _, r := range listing.Response {
		if r.Href == from {
			continue
		}
		name, err := url.PathUnescape(strings.TrimSuffix(strings.TrimPrefix(r.Href, from), "/"))
		if err != nil || strings.Contains(name, "/") {
			g.t.Fatalf("%s lists %q", from, r.Href)
		}
		local := filepath.Join(to, name)
		if strings.HasSuffix(r.Href, "/") {
			if err := os.Mkdir(local, 0o755); err != nil {
				g.t.Fatal(err)
			}
			g.fetch(r.Href, local)
		} else if err := os.WriteFile(local, g.must(http.MethodGet, r.Href, nil), 0o644); err != nil {
			g.t.Fatal(err)
		}
	}
}
