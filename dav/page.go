package dav

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"html"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"postern/vfs"
)

// pageStyle is all that the page needs of a browser; it follows the system's light or dark.
const pageStyle = `:root{color-scheme:light dark}` +
	`body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}` +
	`table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:left;border-bottom:1px solid #8884}` +
	`td:nth-child(2),th:nth-child(2){text-align:right;white-space:nowrap}td:nth-child(3){white-space:nowrap}` +
	`caption{text-align:left;padding:.5rem .6rem}td:first-child{overflow-wrap:anywhere}` +
	`nav ol{list-style:none;padding:0;display:flex;flex-wrap:wrap}nav li+li::before{content:"/";padding:0 .4rem}` +
	`a:focus-visible{outline:2px solid}`

// pagePolicy lets nothing in but that style.
var pagePolicy = func() string {
	sum := sha256.Sum256([]byte(pageStyle))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

// page shows a folder to a browser. Programs that only want to know whether there is something (Office and LibreOffice send
// HEAD) get their 200 too.
func (q *request) page() error {
	info, err := q.stat()
	if err != nil {
		return err
	}
	if ok, err := q.ifHolds(q.ctx(), q.h.fs, state{Info: info, exists: true}); err != nil {
		return err
	} else if !ok {
		return errPrecondition("If")
	}
	h := q.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", pagePolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if q.r.Method == http.MethodHead {
		q.w.WriteHeader(http.StatusOK)
		return nil
	}
	sent := &sentWriter{w: q.w}
	w := bufio.NewWriterSize(sent, multistatusBuffer)
	q.pageHead(w)
	err = q.eachMember(func(m *vfs.Info) error {
		q.pageRow(w, m)
		return nil
	})
	if err != nil && !sent.sent {
		return err
	}
	if err != nil {
		io.WriteString(w, `<tr><td colspan="3"><strong>The listing breaks off here: the storage behind the drive can't be reached.</strong></td></tr>`) //nolint:errcheck // sticks
	}
	io.WriteString(w, "</tbody></table></main></body></html>\n") //nolint:errcheck // sticks
	w.Flush()                                                    //nolint:errcheck // nobody is left to tell
	return nil
}

// sentWriter knows whether something went out.
type sentWriter struct {
	w    io.Writer
	sent bool
}

func (s *sentWriter) Write(p []byte) (int, error) {
	s.sent = true
	return s.w.Write(p)
}

func (q *request) pageHead(w *bufio.Writer) {
	title := q.path
	if title == "/" {
		title = "Postern"
	}
	put(w, `<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">`,
		`<title>`, html.EscapeString(title), `</title><style>`, pageStyle, `</style></head><body>`,
		`<nav aria-label="Folders above"><ol><li><a href="/">Postern</a></li>`)
	at := ""
	for name := range strings.SplitSeq(strings.Trim(q.path, "/"), "/") {
		if name == "" {
			continue
		}
		at += "/" + name
		current := ""
		if at == q.path {
			current = ` aria-current="page"`
		}
		put(w, `<li><a href="`, string(appendEscaped(nil, at)), `/"`, current, `>`, html.EscapeString(visible(name)), `</a></li>`)
	}
	put(w, `</ol></nav><main><h1>`, html.EscapeString(visible(title)), `</h1><table><caption>Files and folders</caption>`,
		`<thead><tr><th scope="col">Name</th><th scope="col">Size</th><th scope="col">Changed (UTC)</th></tr></thead><tbody>`)
}

func (q *request) pageRow(w *bufio.Writer, m *vfs.Info) {
	href := string(appendHref(nil, join(q.path, m.Name), m.Folder, q.who))
	name := visible(m.Name)
	if m.Folder {
		name += "/"
	}
	changed := m.Modified.UTC()
	put(w, `<tr><td><a href="`, href, `">`, html.EscapeString(name), `</a></td><td>`, size(m.Size), `</td><td><time datetime="`,
		changed.Format(time.RFC3339), `">`, changed.Format("2006-01-02 15:04"), "</time></td></tr>\n")
}

func put(w *bufio.Writer, parts ...string) {
	for _, s := range parts {
		w.WriteString(s) //nolint:errcheck // errors stick in a bufio.Writer
	}
}

// visible replaces what can't be shown, and what would turn the direction of the text and so disguise a name.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if !validXML(r) || r < ' ' || 0x7f <= r && r < 0xa0 || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069 {
			return '\uFFFD'
		}
		return r
	}, name)
}

// size is a number of bytes for people.
func size(n int64) string {
	const unit = 1024
	if n < unit {
		return strconv.FormatInt(n, 10) + " B"
	}
	f := float64(n)
	for _, name := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if f /= unit; f < unit || name == "TiB" {
			return strconv.FormatFloat(f, 'f', 1, 64) + " " + name
		}
	}
	return ""
}
