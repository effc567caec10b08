package page

import (
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"postern/crypto/alloctest"
	"postern/vfs"
)

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[int64]string{
		-1: "0 B", 0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 200 << 20: "200 MiB",
		5 << 30: "5.0 GiB", 1 << 40: "1.0 TiB", 1 << 60: "1024 PiB",
	} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestCountsForPeople(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 10_000: "10,000", 1_234_567: "1,234,567"} {
		if got := count(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestVisible(t *testing.T) {
	for name, want := range map[string]string{
		"plain": "plain", "\u202egpj.exe": "\ufffdgpj.exe", "a\nb\tc": "a\ufffdb\ufffdc", "a\u200bb": "a\ufffdb",
		"x\u2066y\u2069": "x\ufffdy\ufffd",
		"فارسی\u200cها":  "فارسی\u200cها", "\ufeffx": "\ufffdx", "👩\u200d💻": "👩\u200d💻",
		" x ": " x ",
	} {
		if got := visible(name); got != want {
			t.Errorf("%q is shown as %q", name, got)
		}
	}
}

func TestPrintableKeepsLinesAndTabs(t *testing.T) {
	if got := printable("a\tb\r\nc\u202ed\x1b[31m\n"); got != "a\tb\nc\ufffdd\ufffd[31m\n" {
		t.Errorf("%q", got)
	}
}

func TestMoments(t *testing.T) {
	if got := at(time.Time{}); got != (moment{}) {
		t.Errorf("no time is %v", got)
	}
	if got := at(time.Date(2026, 11, 20, 10, 0, 0, 0, time.FixedZone("", 3600))); got.Human != "2026-11-20 09:00" ||
		got.Machine != "2026-11-20T09:00:00Z" {
		t.Errorf("%v", got)
	}
}

// FuzzHref: an address decodes to its path, and contains no characters that are special in HTML or URLs.
func FuzzHref(f *testing.F) {
	for _, s := range []string{"/files/a b", "/files/\"<>&'", "/files/%2f?#", "/files/javascript:x", "/files/ä", "//x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		alloctest.Check(t, len(path), func() {
			h := string(href(path, false))
			if strings.ContainsAny(h, "\"'<>&?#:\\ \n") {
				t.Fatalf("%q becomes %q", path, h)
			}
			if back, err := url.PathUnescape(h); err != nil || back != path {
				t.Fatalf("%q comes back as %q, %v", path, back, err)
			}
			if v := visible(path); !utf8.ValidString(v) || strings.ContainsAny(v, "\x00\n\u202e") {
				t.Fatalf("%q is shown as %q", path, v)
			}
		})
	})
}

func TestKinds(t *testing.T) {
	for _, tt := range []struct{ name, contentType, want string }{
		{"a.png", "image/png", "image"}, {"a.svg", "image/svg+xml", "image"}, {"a.jpg", "", "image"},
		{"a.tiff", "image/tiff", "file"},
		{"a.mp3", "audio/mpeg", "audio"}, {"a.mkv", "application/octet-stream", "video"}, {"a.pdf", "application/pdf", "pdf"},
		{"a.md", "text/plain; charset=utf-8", "markdown"},
		{"README.MD", "", "markdown"}, {"a.html", "text/html", "text"}, {"a.json", "application/json", "text"},
		{"a.xml", "application/xml", "text"}, {"a.js", "application/javascript", "text"},
		{"a.zip", "application/zip", "archive"}, {"Makefile", "", "file"}, {"a.png", "text/html", "text"},
		{"a", "nonsense", "file"}, {"a.exe", "application/x-msdownload", "file"},
		{"go.mod", "audio/x-mod", "text"}, {"app.mts", "video/mp2t", "text"}, {"app.ts", "video/mp2t", "text"},
		{"board.dts", "audio/vnd.dts", "text"},
		{"film.ass", "audio/aac", "text"}, {"list.m3u8", "audio/x-mpegurl", "text"}, {"a.wma", "audio/x-ms-wma", "file"},
		{"a.avi", "video/x-msvideo", "file"},
		{"old.xm", "audio/x-xm", "file"}, {"a.mov", "video/quicktime", "video"}, {"a.aac", "audio/aac", "audio"},
	} {
		if got := kindOf(vfs.Info{Name: tt.name, ContentType: tt.contentType}); got != tt.want {
			t.Errorf("%s of %q is %q, want %q", tt.name, tt.contentType, got, tt.want)
		}
	}
	if iconOf(vfs.Info{Folder: true}) != "folder" || iconOf(vfs.Info{Name: "a.pdf"}) != "text" ||
		iconOf(vfs.Info{Name: "a"}) != "file" ||
		iconOf(vfs.Info{Name: "a.wma", ContentType: "audio/x-ms-wma"}) != "audio" ||
		iconOf(vfs.Info{Name: "go.mod", ContentType: "audio/x-mod"}) != "text" {
		t.Error("wrong icons")
	}
}

func TestStatusSentences(t *testing.T) {
	since := time.Date(2026, 11, 20, 9, 15, 0, 0, time.UTC)
	for _, tt := range []struct {
		status     Status
		kind, says string
	}{
		{Status{}, "calm", "All changes are stored."},
		{Status{Pending: 1}, "pending", "Uploading 1 change."},
		{Status{Pending: 3, PendingBytes: 12 << 20}, "pending", "Uploading 3 changes (12.0 MiB)."},
		{Status{Offline: since}, "offline",
			"Offline since 2026-11-20 09:15 UTC. Go on working: changes are kept here meanwhile."},
		{Status{Pending: 2, Offline: since}, "offline",
			"Offline since 2026-11-20 09:15 UTC. Go on working: 2 changes will be uploaded when the storage can be reached " +
				"again."},
		{Status{Pending: 2, Offline: since, Blocked: "Log in again."}, "blocked", "Log in again."},
		{Status{Offline: since, Reason: "no such folder"}, "offline",
			"Offline since 2026-11-20 09:15 UTC (no such folder). Go on working: changes are kept here meanwhile."},
		{Status{Pending: 2, PendingBytes: 12 << 20, Full: true}, "full",
			"The storage is full: make room there. Until then this machine keeps 2 changes (12.0 MiB)."},
		{Status{Full: true}, "full", "The storage is full: make room there."},
		{Status{Pending: 1, Failing: "permission denied"}, "failing",
			"Uploading 1 change failed and is tried again: permission denied."},
		{Status{Notes: []string{"The copy b is away.", "Run postern fsck."}}, "degraded",
			"All changes are stored. The copy b is away. Run postern fsck."},
		{Status{Pending: 1, Notes: []string{"The copy b is away."}}, "degraded", "Uploading 1 change. The copy b is away."},
		{Status{Full: true, Notes: []string{"The copy b is away."}}, "full",
			"The storage is full: make room there. The copy b is away."},
	} {
		if tt.status.Kind() != tt.kind || tt.status.Sentence() != tt.says {
			t.Errorf("%+v: %s, %q", tt.status, tt.status.Kind(), tt.status.Sentence())
		}
	}
}
