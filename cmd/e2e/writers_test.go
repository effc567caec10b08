//go:build e2e

package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// curl runs curl with the gateway's password.
func (g *gateway) curl(args ...string) (string, error) {
	cmd := exec.Command("curl", append([]string{"-sS", "--config", "-"}, args...)...)
	cmd.Stdin = strings.NewReader(fmt.Sprintf("user = \"postern:%s\"\n", g.password))
	out, err := cmd.Output()
	return string(out), err
}

// TestNoLostUpdate has four real clients add lines to one file at the same time. Each reads and writes the whole file
// and protects the others' changes in its own way: curl and gvfs by ETag, cadaver by a lock, davfs2 by both. Every line
// that a client reported as saved is in the file at the end, once. davfs2 reports success too early: for a second after
// it has read a file it locks the file without reading it again; the ETag then makes its PUT fail, and davfs2 keeps the
// line in its lost+found.
func TestNoLostUpdate(t *testing.T) {
	need(t, "curl")
	t.Parallel()
	g := serve(t)
	const path = "/files/lines.txt"
	base := strings.Repeat("a line that was there before\n", 10_000)
	g.must(http.MethodPut, path, strings.NewReader(base))

	dir := t.TempDir()
	byCurl := func(line string) error {
		headers, body := filepath.Join(dir, "headers"), filepath.Join(dir, "body")
		if _, err := g.curl("-f", "-D", headers, "-o", body, g.url(path)); err != nil {
			return err
		}
		head, err := os.ReadFile(headers)
		if err != nil {
			return err
		}
		_, rest, _ := strings.Cut(string(head), "Etag: ")
		etag, _, _ := strings.Cut(rest, "\r\n")
		if err := appendTo(body, line); err != nil {
			return err
		}
		_, err = g.curl("-f", "-T", body, "-H", "If-Match: "+etag, g.url(path))
		return err
	}
	d := newDesktop(t, g)
	byGvfs := func(line string) error {
		etag, err := d.etag(path)
		if err != nil {
			return err
		}
		body, err := d.gio("", "cat", path)
		if err != nil {
			return err
		}
		_, err = d.gio(body+line, "save", "-e", etag, path)
		return err
	}
	c := newCadaver(t, g)
	byCadaver := func(line string) error {
		c.editor(line)
		if out := c.says("edit lines.txt"); strings.Contains(out, "failed") || !strings.Contains(out, "Changes were made") {
			return fmt.Errorf("cadaver: %s", out)
		}
		return nil
	}
	m := mountDavfs2(t, g)
	byDavfs2 := func(line string) error { return appendTo(filepath.Join(m.at, path), line) }

	var wg sync.WaitGroup
	var want []string
	var refused [4]int
	clients := []struct {
		name string
		add  func(line string) error
	}{{"curl", byCurl}, {"gvfs", byGvfs}, {"cadaver", byCadaver}, {"davfs2", byDavfs2}}
	for i, client := range clients {
		const lines = 6
		for n := range lines {
			want = append(want, fmt.Sprintf("%s %d", client.name, n))
		}
		wg.Go(func() {
			for n := range lines {
				var err error
				saved := within(patience, func() bool {
					if err = client.add(fmt.Sprintf("%s %d\n", client.name, n)); err != nil {
						refused[i]++
					}
					return err == nil
				})
				if !saved {
					t.Errorf("%s could not save: %v", client.name, err)
					return
				}
			}
		})
	}
	wg.Wait()
	lost := m.lostAndFound()
	m.unmount()
	t.Logf("refused and retried: curl %d, gvfs %d, cadaver %d, davfs2 %d times", refused[0], refused[1], refused[2],
		refused[3])
	got, ok := strings.CutPrefix(string(g.must(http.MethodGet, path, nil)), base)
	if !ok {
		t.Fatal("the earlier contents are gone")
	}
	lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
	for _, kept := range lost {
		line := kept[strings.LastIndex(strings.TrimSuffix(kept, "\n"), "\n")+1:]
		t.Logf("davfs2 was refused and keeps %q", line)
		lines = append(lines, strings.TrimSuffix(line, "\n"))
	}
	slices.Sort(lines)
	slices.Sort(want)
	if !slices.Equal(lines, want) {
		t.Errorf("the file, with what davfs2 keeps, has these lines:\n%s", strings.Join(lines, "\n"))
	}
}

// lostAndFound returns the files that davfs2 could not upload and keeps for its user.
func (m *mount) lostAndFound() []string {
	m.g.t.Helper()
	kept, err := filepath.Glob(filepath.Join(m.at, "lost+found", "*"))
	if err != nil {
		m.g.t.Fatal(err)
	}
	var texts []string
	for _, name := range kept {
		text, err := os.ReadFile(name)
		if err != nil {
			m.g.t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	return texts
}

func appendTo(name, line string) error {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	if err2 := f.Close(); err == nil {
		err = err2
	}
	return err
}

// TestNoFileHalfOfEach has five real clients overwrite one file unconditionally while it is read all the time: the file
// always exists, and always is exactly one of the versions sent.
func TestNoFileHalfOfEach(t *testing.T) {
	need(t, "curl")
	need(t, "rclone")
	t.Parallel()
	g := serve(t)
	const path, versions = "/files/contended", 6
	size := func(client, version int) int { return (1000 + (client*7919+version*104_729)%60_000) * 16 }
	dir := t.TempDir()
	body := func(client, version int) string {
		name := filepath.Join(dir, fmt.Sprintf("%d-%d", client, version))
		if err := os.WriteFile(name, stamped(client, version, size(client, version)), 0o644); err != nil {
			t.Error(err)
		}
		return name
	}
	g.must(http.MethodPut, path, bytes.NewReader(stamped(0, 0, size(0, 0))))
	whole := func() {
		code, got, err := g.do(http.MethodGet, path, nil)
		if err != nil || code != http.StatusOK || len(got) < 16 {
			t.Errorf("GET: %d %v, %d bytes", code, err, len(got))
			return
		}
		client, version := int(binary.LittleEndian.Uint32(got)), int(binary.LittleEndian.Uint32(got[4:]))
		if client > 5 || version > versions || !bytes.Equal(got, stamped(client, version, size(client, version))) {
			t.Errorf("a mix: %d bytes that begin as client %d's version %d", len(got), client, version)
		}
	}

	d, c, m := newDesktop(t, g), newCadaver(t, g), mountDavfs2(t, g)
	// Without these options rclone would check its upload and delete another client's newer version as a broken copy.
	writers := []func(name string) error{
		func(name string) error { _, err := g.curl("-f", "-T", name, g.url(path)); return err },
		func(name string) error {
			_, err := g.rclone("owncloud", "copyto", "--ignore-times", "--retries", "1", "--low-level-retries", "1", name,
				"drive:"+path)
			return err
		},
		func(name string) error { _, err := d.gio("", "copy", name, path); return err },
		func(name string) error { return exec.Command("cp", name, filepath.Join(m.at, path)).Run() },
		func(name string) error {
			if out := c.says("put " + name + " contended"); strings.Contains(out, "failed") {
				return fmt.Errorf("cadaver: %s", out)
			}
			return nil
		},
	}
	var writing sync.WaitGroup
	var saved [5]atomic.Int32
	for i, write := range writers {
		writing.Go(func() {
			for version := range versions {
				name := body(i+1, version+1)
				if within(patience, func() bool { return write(name) == nil }) { // another client may hold a lock
					saved[i].Add(1)
				}
			}
		})
	}
	done := make(chan struct{})
	var reading sync.WaitGroup
	reads := 0
	reading.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
				whole()
				reads++
			}
		}
	})
	writing.Wait()
	m.unmount()
	close(done)
	reading.Wait()
	whole()
	for i := range saved {
		if n := saved[i].Load(); n != versions {
			t.Errorf("client %d has saved %d versions of %d", i+1, n, versions)
		}
	}
	t.Logf("%d reads", reads)
}

// TestLibreOfficeKeepsOthersOut: while a document is open in LibreOffice, no other client can change it, and
// LibreOffice can then save its own version.
func TestLibreOfficeKeepsOthersOut(t *testing.T) {
	need(t, "curl")
	need(t, "rclone")
	t.Parallel()
	g := serve(t)
	o, d, c, m := libreOffice(t, g), newDesktop(t, g), newCadaver(t, g), mountDavfs2(t, g)
	const path = "/files/doc.odt"
	o.must("open", "private:factory/swriter")
	o.must("type", "first")
	o.must("saveas", g.url(path))
	before := g.must(http.MethodGet, path, nil)
	etag, err := d.etag(path)
	if err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(t.TempDir(), "other.odt")
	if err := os.WriteFile(other, []byte("another's"), 0o644); err != nil {
		t.Fatal(err)
	}
	c.editor("another's")
	tries := map[string]func() error{
		"curl": func() error { _, err := g.curl("-f", "-T", other, g.url(path)); return err },
		"curl with the ETag": func() error {
			_, err := g.curl("-f", "-T", other, "-H", "If-Match: "+etag, g.url(path))
			return err
		},
		"curl -X DELETE": func() error { _, err := g.curl("-f", "-X", "DELETE", g.url(path)); return err },
		"rclone copyto": func() error {
			_, err := g.rclone("owncloud", "copyto", "--retries", "1", "--low-level-retries", "1", other, "drive:"+path)
			return err
		},
		"rclone moveto": func() error {
			_, err := g.rclone("owncloud", "moveto", "--retries", "1", "--low-level-retries", "1", "drive:"+path,
				"drive:/files/moved.odt")
			return err
		},
		"gio save":              func() error { _, err := d.gio("another's", "save", path); return err },
		"gio save with the tag": func() error { _, err := d.gio("another's", "save", "-e", etag, path); return err },
		"gio move over":         func() error { _, err := d.gio("", "move", other, path); return err },
		"davfs2 append":         func() error { return appendTo(filepath.Join(m.at, path), "x") },
		"davfs2 remove":         func() error { return os.Remove(filepath.Join(m.at, path)) },
		"davfs2 rename": func() error {
			return os.Rename(filepath.Join(m.at, path), filepath.Join(m.at, "files/elsewhere"))
		},
	}
	for name, try := range tries {
		if try() == nil {
			t.Errorf("%s was not refused", name)
		}
		if now := g.must(http.MethodGet, path, nil); !bytes.Equal(now, before) {
			t.Fatalf("%s has changed the document", name)
		}
	}
	for _, command := range []string{"put " + other + " doc.odt", "edit doc.odt", "delete doc.odt",
		"move doc.odt moved.odt", "lock doc.odt"} {
		c.refused("423", command)
	}
	o.must("type", "second")
	o.must("save")
	o.must("close")
	m.unmount()
	says(t, g.must(http.MethodGet, path, nil), "second")
}
