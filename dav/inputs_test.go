package dav

import (
	"archive/zip"
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
	"time"

	"postern/crypto/alloctest"
	"postern/vfs"
	"postern/vfs/vfstest"
)

var tokenOnPage = regexp.MustCompile(`name="token" value="([^"]+)"`)

// FuzzForm posts forms to a folder and to a file: none breaks the handler, and none without the page's token changes
// anything. TOKEN in a form stands for that token.
func FuzzForm(f *testing.F) {
	part := func(name, value string) string {
		return "--x\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	f.Add("/files/d/", []byte(part("token", "TOKEN")+part("do", "folder")+part("name", "new")+"--x--\r\n"))
	f.Add("/files/d/a", []byte(part("token", "TOKEN")+part("do", "rename")+part("name", "b")+"--x--\r\n"))
	f.Add("/files/d/a", []byte(part("do", "delete")+part("etag", "*")+"--x--\r\n"))
	f.Add("/files/d/a", []byte(part("token", "TOKEN")+part("do", "restore")+part("to", "/files/../c")+"--x--\r\n"))
	f.Add("/files/d/",
		[]byte(part("token", "TOKEN")+
			"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"n\"\r\n\r\nbytes\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, target string, body []byte) {
		alloctest.Check(t, len(target)+len(body), func() {
			if target != "/files/d/" {
				target = "/files/d/a"
			}
			fs := vfstest.NewModel(vfstest.ModelOptions{})
			h, err := New(fs, Options{Patience: -1})
			if err != nil {
				t.Fatal(err)
			}
			if err := fs.Mkdir(t.Context(), "/files/d", nil); err != nil {
				t.Fatal(err)
			}
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("PUT", "/files/d/a", strings.NewReader("abc")))
			before := everything(t, fs)
			page := httptest.NewRequest("GET", "/files/d/", nil)
			page.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			h.ServeHTTP(w, page)
			token := tokenOnPage.FindSubmatch(w.Body.Bytes())
			if token == nil {
				t.Fatal("no form on the page")
			}
			r := httptest.NewRequest("POST", target,
				bytes.NewReader(bytes.ReplaceAll(body, []byte("TOKEN"), bytes.ReplaceAll(token[1], []byte("&#43;"), []byte("+")))))
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
			w = httptest.NewRecorder()
			h.ServeHTTP(w, r)
			if w.Code < 300 || w.Code == 500 || w.Code > 599 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if after := everything(t, fs); after != before && !bytes.Contains(body, []byte("TOKEN")) {
				t.Fatalf("changed without a token: %s", after)
			}
		})
	})
}

// everything returns the contents of a drive as text.
func everything(t *testing.T, fs vfs.FS) string {
	var b strings.Builder
	for waiting := []string{"/files"}; len(waiting) > 0; waiting = waiting[1:] {
		for info, err := range fs.List(t.Context(), waiting[0]) {
			if err != nil {
				t.Fatal(err)
			}
			p := path.Join(waiting[0], info.Name)
			b.WriteString(p + " " + info.ETag() + "\n")
			if info.Folder {
				waiting = append(waiting, p)
			}
		}
	}
	return b.String()
}

// FuzzRange: the ranges that the handler passes on to net/http lie in the file, and net/http accepts them.
func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes=0-0,2-,-1", "Bytes= 1 - 2", "bytes=-0", "bytes=99999999999999999999-", "bytes=5-2",
		"lines=1-2", "bytes=,,", "bytes=10-"} {
		f.Add(s, int64(10))
	}
	f.Add("bytes=-1", int64(0))
	f.Fuzz(func(t *testing.T, header string, size int64) {
		alloctest.Check(t, len(header), func() {
			size &= 1<<16 - 1
			ranges, ok := parseRange(header, size)
			if !ok {
				return
			}
			got := satisfiable(ranges, size)
			content := bytes.Repeat([]byte("x"), int(size))
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("Range", got)
			w := httptest.NewRecorder()
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
			if ok := w.Code == http.StatusPartialContent || w.Code == http.StatusOK ||
				w.Code == http.StatusRequestedRangeNotSatisfiable; !ok {
				t.Fatalf("%q of %d bytes becomes %q: %d", header, size, got, w.Code)
			}
			if w.Body.Len() > int(size)+maxRanges*256 && strings.Count(got, ",") == 0 {
				t.Fatalf("%q of %d bytes becomes %q: %d bytes", header, size, got, w.Body.Len())
			}
		})
	})
}

// FuzzDates: an accepted date can be written in all forms, and each of them is parsed to the same date.
func FuzzDates(f *testing.F) {
	for _, s := range []string{"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994", "2026-11-20T09:15:00Z",
		"2026-11-20T09:15:00.123+01:00", "1234567890", "1234567890123", "-1.5", "9999-12-31T23:59:59Z",
		"Mon, 1 Jan 0001 00:00:00 UTC"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		alloctest.Check(t, len(s), func() {
			when, ok := parseTime(s)
			if !ok {
				return
			}
			if when.Location() != time.UTC {
				t.Fatalf("%q is read in %v", s, when.Location())
			}
			for _, form := range []string{http.TimeFormat, time.RFC3339} {
				written := when.Format(form)
				if again, ok := parseTime(written); !ok || again.Unix() != when.Unix() {
					t.Fatalf("%q is written as %q, which reads as %v, %v", s, written, again, ok)
				}
			}
		})
	})
}

// FuzzZipName: no name in an archive leads out of it, on any system, and different paths keep different names.
func FuzzZipName(f *testing.F) {
	f.Add("d/a", "d/b", true)
	f.Add(`d/..\up`, "d/..\uf05cup", false)
	f.Add("d/con", "d/a.", true)
	f.Add("d/\U0010FEE9", "d/\xe9", false)
	f.Add("d/a:b\x01", "d/C:", true)
	f.Fuzz(func(t *testing.T, one, two string, windows bool) {
		alloctest.Check(t, len(one)+len(two), func() {
			if !keepable(one) || !keepable(two) {
				return
			}
			q := &request{r: httptest.NewRequest("GET", "/", nil)}
			if windows {
				q.r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0)")
			}
			var b bytes.Buffer
			z := zip.NewWriter(&b)
			for _, p := range []string{one, two} {
				name := q.zipName(p)
				for part := range strings.SplitSeq(name, "/") {
					if part == "" || part == "." || part == ".." || strings.ContainsAny(part, "\\\x00") ||
						windows && strings.ContainsAny(part, `:*?"<>|`) {
						t.Fatalf("%q is packed as %q", p, name)
					}
				}
				if _, err := z.CreateHeader(&zip.FileHeader{Name: name}); err != nil {
					t.Fatal(err)
				}
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil || len(r.File) != 2 || r.File[0].Name != q.zipName(one) {
				t.Fatalf("%q and %q: %v", one, two, err)
			}
			for _, file := range r.File {
				if _, err := file.Open(); err != nil && err != io.EOF {
					t.Fatal(err)
				}
			}
		})
	})
}

// keepable reports whether the drive can have a path, without its first slash.
func keepable(p string) bool {
	for name := range strings.SplitSeq(p, "/") {
		if name == "" || name == "." || name == ".." || len(name) > vfs.MaxName || name != vfs.NameFromRaw(name) ||
			strings.Contains(name, "\x00") {
			return false
		}
	}
	return len(p) < maxZippedPath
}
