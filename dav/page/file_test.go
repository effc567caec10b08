package page

import (
	"bytes"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"postern/crypto/alloctest"
	"postern/vfs"
)

// leaf is an open file that counts the bytes read.
type leaf struct {
	*strings.Reader
	info  vfs.Info
	read  int
	fails error
}

func (l *leaf) Close() error   { return nil }
func (l *leaf) Info() vfs.Info { return l.info }

func (l *leaf) WriteNTo(io.Writer, int64) (int64, error) { return 0, errors.ErrUnsupported }

func (l *leaf) Read(p []byte) (int, error) {
	if l.fails != nil {
		return 0, l.fails
	}
	n, err := l.Reader.Read(p)
	l.read += n
	return n, err
}

func file(name, contentType, content string) *leaf {
	return &leaf{Reader: strings.NewReader(content),
		info: vfs.Info{Name: name, ContentType: contentType, Size: int64(len(content))}}
}

func TestFilePreviews(t *testing.T) {
	for _, tt := range []struct {
		name string
		f    *leaf
		want []string // a leading "!": not
	}{
		{"image", file("a b.png", "image/png", "x"),
			[]string{`<img src="/files/a%20b.png" alt="a b.png" data-fails="`, `download="a b.png"`}},
		{"hostile SVG", file("a.svg", "image/svg+xml", "<svg onload=x>"),
			[]string{`<img src="/files/a.svg"`, "!<svg onload"}},
		{"video", file("a.mp4", "video/mp4", "x"), []string{`<video src="/files/a.mp4" controls`}},
		{"audio", file("a.mp3", "audio/mpeg", "x"), []string{`<audio src="/files/a.mp3" controls`}},
		{"PDF", file("a.pdf", "application/pdf", "x"), []string{`<iframe src="/files/a.pdf" title="a.pdf">`}},
		{"PDF of another type", file("a.pdf", "application/octet-stream", "%PDF\x00"),
			[]string{"There is no preview", "!<iframe"}},
		{"text", file("a.txt", "text/plain; charset=utf-8", "\n1 < 2 & <b>"),
			[]string{"<pre tabindex=\"0\">\n\n1 &lt; 2 &amp; &lt;b&gt;</pre>", ">text/plain · SHA-1"}},
		{"hostile HTML is its source", file("a.html", "text/html", "<script>x</script>"),
			[]string{"&lt;script&gt;x&lt;/script&gt;", "!<script>x"}},
		{"Markdown", file("a.md", "text/markdown", "# A\n\n<script>x</script>"),
			[]string{`<div class="prose"><h1>A</h1></div>`, "!<script>x"}},
		{"a module is no music", file("go.mod", "audio/x-mod", "module postern\n"),
			[]string{"<pre", "module postern", "!<audio", "!audio/x-mod"}},
		{"a script is no film", file("app.mts", "video/mp2t", "export {}\n"), []string{"<pre", "export {}", "!<video"}},
		{"a film that no browser plays", file("a.mts", "video/mp2t", "G\x00\x01"),
			[]string{"There is no preview", "!<video", "video/mp2t"}},
		{"text by a name of music", file("a.xm", "audio/x-xm", "<a/>"), []string{"<pre", "!<audio"}},
		{"unknown, but text", file("Makefile", "", "all:\n\tgo build"), []string{"<pre", "go build"}},
		{"unknown", file("core", "application/octet-stream", "\x7fELF\x00\x01"), []string{"There is no preview", "!<pre"}},
		{"not the text it says", file("a.txt", "text/plain", "a\x00b"), []string{"There is no preview", "!<pre"}},
		{"Latin-1", file("a.txt", "text/plain", "caf\xe9"), []string{"café</pre>"}},
		{"UTF-16", file("a.txt", "text/plain", "\xff\xfea\x00b\x00"), []string{"ab</pre>"}},
		{"byte order mark", file("a.txt", "text/plain", "\xef\xbb\xbfab"), []string{"\nab</pre>"}},
		{"empty", file("a.txt", "text/plain", ""), []string{"This file is empty."}},
		{"hostile name", file(`"><script>x</script>.txt`, "text/plain", "x"),
			[]string{"!<script>x", `href="/files/%22%3E%3Cscript%3Ex%3C%2Fscript%3E.txt"`}},
		{"hostile type", file("a", `<script>x</script>`, "x"), []string{"!<script>x"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if strings.Contains(tt.f.info.Name, "/") { // no name has a slash; in an address it would separate two names
				tt.f.info.Name = strings.ReplaceAll(tt.f.info.Name, "/", "\u2215")
				tt.want[1] = `href="/files/%22%3E%3Cscript%3Ex%3C%E2%88%95script%3E.txt"`
			}
			w := httptest.NewRecorder()
			if err := New(Options{}).File(w, httptest.NewRequest("GET", "/x?view", nil), "/files/"+tt.f.info.Name,
				tt.f); err != nil {
				t.Fatal(err)
			}
			for _, part := range tt.want {
				without, not := strings.CutPrefix(part, "!")
				if strings.Contains(w.Body.String(), without) == not {
					t.Errorf("%q in the page is %v:\n%s", without, not, w.Body)
				}
			}
		})
	}
}

// TestPreviewsReadLittle: a preview reads the beginning of a large text, almost nothing of other contents, and nothing
// of media.
func TestPreviewsReadLittle(t *testing.T) {
	line := strings.Repeat("é", 31) + "\n"
	large := strings.Repeat(line, 2*maxText/len(line))
	for _, tt := range []struct {
		f    *leaf
		most int
		says string
	}{
		{file("a.txt", "text/plain", large), maxText + 1, "The first 512 KiB"},
		{file("a.md", "text/markdown", large), maxText + 1, "The first 512 KiB"},
		{file("a", "", large), maxText + 1, "The first 512 KiB"},
		{file("a", "", "\x00"+large), 5 << 10, "no preview"},
		{file("a.mp4", "video/mp4", large), 0, "<video"},
	} {
		w := httptest.NewRecorder()
		if err := New(Options{}).File(w, httptest.NewRequest("GET", "/x?view", nil), "/files/a", tt.f); err != nil {
			t.Fatal(err)
		}
		if tt.f.read > tt.most || !strings.Contains(w.Body.String(), tt.says) {
			t.Errorf("%s %q: %d bytes read, at most %d wanted", tt.f.info.Name, tt.f.info.ContentType, tt.f.read, tt.most)
		}
		if strings.Contains(w.Body.String(), "\ufffd") {
			t.Error("a character was cut in two")
		}
	}
}

func TestPreviewFaults(t *testing.T) {
	f := file("a.txt", "text/plain", "x")
	f.fails = vfs.ErrUnavailable
	w := httptest.NewRecorder()
	err := New(Options{}).File(w, httptest.NewRequest("GET", "/x?view", nil), "/files/a.txt", f)
	if !errors.Is(err, vfs.ErrUnavailable) || w.Body.Len() > 0 {
		t.Errorf("%v, sent %q", err, w.Body)
	}
	if err := New(Options{Rand: strings.NewReader("short")}).File(w, httptest.NewRequest("GET", "/x?view", nil),
		"/files/a.txt", file("a.txt", "", "x")); err == nil {
		t.Error("a page without a nonce")
	}
}

// FuzzText: the shown text is valid, and a cut never shows.
func FuzzText(f *testing.F) {
	for _, s := range []string{"a", "é", "\xc3", "\xff\xfea", "\xfe\xff\xd8\x00", "a\x00", "\xf0\x9f\x8e", "caf\xe9",
		"\x01\x02\x03"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		alloctest.Check(t, len(data), func() {
			s, ok := text(data)
			if !ok {
				return
			}
			if p := printable(s); !utf8.ValidString(p) || strings.ContainsAny(p, "\x00\x1b\u202e") {
				t.Fatalf("%q is shown as %q", data, p)
			}
			if utf8.Valid(data) && len(data) > 0 && data[0] < 0x80 && !bytes.ContainsAny(data, "\r") && s != string(data) {
				t.Fatalf("%q becomes %q", data, s)
			}
		})
	})
}
