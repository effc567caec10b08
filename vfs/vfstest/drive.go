package vfstest

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"postern/vfs"
)

// kinds are all kinds of errors. Every error of a file system has exactly one.
var kinds = []error{
	vfs.ErrNotExist, vfs.ErrExist, vfs.ErrNotFolder, vfs.ErrIsFolder, vfs.ErrReadOnly, vfs.ErrName, vfs.ErrInvalid,
	vfs.ErrFull, vfs.ErrTooLarge, vfs.ErrTooDeep, vfs.ErrUnavailable, vfs.ErrCorrupt,
}

// drive is a file system under test with the steps that must succeed.
type drive struct {
	t *testing.T
	vfs.FS
}

func (d drive) ctx() context.Context { return d.t.Context() }

// put writes a file and returns the result of Commit.
func (d drive) put(path, data string) vfs.Info {
	d.t.Helper()
	info, _, err := tryPut(d.ctx(), d, path, []byte(data), vfs.CommitOptions{})
	d.must(err)
	return info
}

// tryPut writes a file in one go.
func tryPut(ctx context.Context, fs vfs.Writer, path string, data []byte, o vfs.CommitOptions) (vfs.Info, bool, error) {
	up, err := fs.Create(ctx, path)
	if err != nil {
		return vfs.Info{}, false, err
	}
	defer up.Abort()
	if n, err := up.Write(data); err != nil || n != len(data) {
		return vfs.Info{}, false, fmt.Errorf("write took %d of %d bytes: %w", n, len(data), err)
	}
	return up.Commit(ctx, o)
}

func (d drive) mkdir(paths ...string) {
	d.t.Helper()
	for _, path := range paths {
		d.must(d.Mkdir(d.ctx(), path, nil))
	}
}

func (d drive) stat(path string) vfs.Info {
	d.t.Helper()
	info, err := d.Stat(d.ctx(), path)
	d.must(err)
	return info
}

func (d drive) open(path string) vfs.File {
	d.t.Helper()
	f, err := d.Open(d.ctx(), path)
	d.must(err)
	d.t.Cleanup(func() { f.Close() })
	return f
}

func (d drive) read(path string) string {
	d.t.Helper()
	data, err := readAll(d.ctx(), d, path)
	d.must(err)
	return string(data)
}

func readAll(ctx context.Context, fs vfs.Reader, path string) ([]byte, error) {
	f, err := fs.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(f)
	if err == nil && int64(len(data)) != f.Info().Size {
		return nil, fmt.Errorf("%s: %d bytes came, the info says %d", path, len(data), f.Info().Size)
	}
	return data, err
}

// list returns a whole listing.
func (d drive) list(path string) []vfs.Info {
	d.t.Helper()
	infos, err := listAll(d.ctx(), d, path)
	d.must(err)
	return infos
}

func listAll(ctx context.Context, fs vfs.Reader, path string) ([]vfs.Info, error) {
	var infos []vfs.Info
	var failed error
	for info, err := range fs.List(ctx, path) {
		if failed != nil {
			return nil, errors.New(path + ": the listing went on after its error: " + failed.Error())
		}
		if err != nil {
			failed = err
			continue
		}
		infos = append(infos, info)
	}
	return infos, failed
}

func (d drive) names(path string) []string {
	d.t.Helper()
	names := []string{}
	for _, info := range d.list(path) {
		names = append(names, info.Name)
	}
	return names
}

// tree returns everything below path: folders as "path/", files as "path=contents" with their properties' names behind.
func (d drive) tree(path string) []string {
	d.t.Helper()
	lines := []string{}
	for _, info := range d.list(path) {
		p := path + "/" + info.Name
		line := []string{p + "/"}
		if !info.Folder {
			line[0] = p + "=" + d.read(p)
		}
		for _, prop := range info.Properties {
			line = append(line, "+"+prop.Name.Local)
		}
		lines = append(lines, strings.Join(line, " "))
		if info.Folder {
			lines = append(lines, d.tree(p)...)
		}
	}
	return lines
}

func (d drive) wantTree(path string, want ...string) {
	d.t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), d.tree(path)); diff != "" {
		d.t.Errorf("the tree below %s is wrong (-want +got):\n%s", path, diff)
	}
}

// unchanged returns a check that neither the tree nor the metadata below /files has changed since.
func (d drive) unchanged() func() {
	d.t.Helper()
	before, infos := d.tree("/files"), d.list("/files")
	return func() {
		d.t.Helper()
		if diff := cmp.Diff(before, d.tree("/files")); diff != "" {
			d.t.Errorf("something changed (-before +after):\n%s", diff)
		}
		if diff := cmp.Diff(infos, d.list("/files")); diff != "" {
			d.t.Errorf("an info changed (-before +after):\n%s", diff)
		}
	}
}

func (d drive) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatalf("unexpected error: %v", err)
	}
}

// fails checks that err is of one of the given kinds, and of exactly one.
func (d drive) fails(err error, want ...error) {
	d.t.Helper()
	got := kindsOf(err)
	if len(got) != 1 || !slices.Contains(want, got[0]) {
		d.t.Errorf("the error is %q, of the kinds %q; want exactly one of %q", fmt.Sprint(err), got, want)
	}
}

// kindsOf returns the kinds of an error.
func kindsOf(err error) (of []error) {
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			of = append(of, kind)
		}
	}
	return of
}

// wantInfo checks an info of a file against its contents.
func (d drive) wantInfo(info vfs.Info, name, data string) {
	d.t.Helper()
	want := vfs.Info{Name: name, Size: int64(len(data)), MD5: md5.Sum([]byte(data)), SHA1: sha1.Sum([]byte(data))}
	got := vfs.Info{Name: info.Name, Folder: info.Folder, ReadOnly: info.ReadOnly, Size: info.Size, MD5: info.MD5,
		SHA1: info.SHA1}
	if diff := cmp.Diff(want, got); diff != "" {
		d.t.Errorf("info of %s (-want +got):\n%s", name, diff)
	}
	if info.Version == (vfs.Version{}) || info.Modified.IsZero() || info.Created.IsZero() {
		d.t.Errorf("info of %s lacks its version or a time: %+v", name, info)
	}
}

// noise returns n bytes that no codec mistakes for zeros, equal for equal seeds.
func noise(seed uint64, n int) []byte {
	out := make([]byte, n)
	x := seed*0x9E3779B97F4A7C15 + 1
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = byte(x >> 32)
	}
	return out
}

// same compares long contents without printing them.
func (d drive) same(what string, want, got []byte) {
	d.t.Helper()
	if bytes.Equal(want, got) {
		return
	}
	at := 0
	for at < min(len(want), len(got)) && want[at] == got[at] {
		at++
	}
	d.t.Errorf("%s: %d bytes wanted, %d came, the first difference is at %d", what, len(want), len(got), at)
}

// ns returns a time with nanoseconds that no test's clock returns by chance.
func ns(year int) time.Time { return time.Date(year, 2, 3, 4, 5, 6, 123456789, time.UTC) }
