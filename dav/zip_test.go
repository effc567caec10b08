package dav_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"postern/vfs"
)

// unzipped returns the contents of an archive by name; "/" for a folder.
func unzipped(t *testing.T, data string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		all[f.Name] = string(content)
		if f.FileInfo().IsDir() {
			all[f.Name] = "/"
		}
	}
	return all
}

func TestFolderAsArchive(t *testing.T) {
	d := newDrive(t, "/files/Ünï/", "/files/Ünï/a.txt", "/files/Ünï/sub/", "/files/Ünï/sub/deep/", "/files/Ünï/sub/deep/b",
		"/files/Ünï/empty/", `/files/Ünï/..\up`, "/files/Ünï/q?", "/files/other")
	a := d.do("GET", "/files/%C3%9Cn%C3%AF/?zip", "", browser).want(200).
		with("Content-Type: application/zip", "Content-Disposition: attachment; filename*=utf-8''%C3%9Cn%C3%AF.zip",
			"X-Content-Type-Options: nosniff", "Cache-Control: no-store")
	got := unzipped(t, a.body)
	want := map[string]string{
		"Ünï/a.txt": "/files/Ünï/a.txt", "Ünï/sub/": "/", "Ünï/sub/deep/": "/", "Ünï/sub/deep/b": "/files/Ünï/sub/deep/b",
		"Ünï/empty/":     "/",
		"Ünï/..\uf05cup": `/files/Ünï/..\up`, "Ünï/q?": "/files/Ünï/q?",
	}
	if len(got) != len(want) {
		t.Errorf("%d members, want %d: %q", len(got), len(want), got)
	}
	for name, content := range want {
		if got[name] != content {
			t.Errorf("%s holds %q, want %q", name, got[name], content)
		}
	}
	a = d.do("GET", "/files/%C3%9Cn%C3%AF/?zip", "", browser, "User-Agent: Mozilla/5.0 (Windows NT 10.0)").want(200)
	if got := unzipped(t, a.body); got["Ünï/q\uf03f"] == "" {
		t.Errorf("Windows gets a name that it can't keep: %q", got)
	}
	if h := d.do("HEAD", "/files/?zip", "").want(200); h.body != "" {
		t.Error("HEAD has a body")
	}
	if got := unzipped(t, d.do("GET", "/?zip", "").want(200).body); got["Postern/files/other"] != "/files/other" {
		t.Errorf("the whole drive is %q", got)
	}
	d.do("GET", "/files/other?zip", "").want(200, "/files/other") // the query has no effect on a file
	d.do("GET", "/files/no/?zip", "", browser).want(404)
}

// TestArchiveBrokenOff: a read error before the first byte is an error answer; a later one breaks the transfer, so that
// the client sees that the archive is incomplete.
func TestArchiveBrokenOff(t *testing.T) {
	d := newDrive(t, "/files/d/", "/files/d/a", "/files/d/b/", "/files/d/b/c")
	d.write("/files/d/a", strings.Repeat("x", 1<<16))
	d.fail = func(op, path string) error {
		if op == "list" && path == "/files/d/b" {
			return vfs.ErrUnavailable
		}
		return nil
	}
	d.do("GET", "/files/d/?zip", "").want(503)
	d.fail = func(op, path string) error {
		if op == "open" && path == "/files/d/b/c" {
			return vfs.ErrCorrupt
		}
		return nil
	}
	server := httptest.NewServer(d.h)
	defer server.Close()
	client := &http.Client{Timeout: time.Minute}
	resp, err := client.Get(server.URL + "/files/d/?zip")
	if err != nil {
		return // broken off before the head was sent: as plain
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err == nil || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d bytes came whole: %v", len(data), err)
	}
	if _, err := zip.NewReader(bytes.NewReader(data), int64(len(data))); err == nil {
		t.Error("what came can be unpacked")
	}
}
