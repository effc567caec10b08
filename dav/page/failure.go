package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"io"
	"net/http"
	"strconv"
	"strings"

	"postern/vfs/layout"
)

// failurePolicy allows the style in the page itself: without a login, a browser can't load another.
var failurePolicy = func() string {
	sum := sha256.Sum256(style)
	return "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// titles explain a status in a few words.
var titles = map[int]string{
	http.StatusBadRequest:         "This address can't be right",
	http.StatusUnauthorized:       "Name and password, please",
	http.StatusForbidden:          "Not allowed",
	http.StatusNotFound:           "Nothing here",
	http.StatusRequestURITooLong:  "This address is too long",
	http.StatusBadGateway:         "Damaged at the storage",
	http.StatusServiceUnavailable: "Not at hand just now",
}

// hints advise what to do.
var hints = map[int]string{
	http.StatusUnauthorized: "The name is that of your account (“postern” if you never chose one), " +
		"the password is the drive's own: it is in the file dav-password in Postern's folder.",
	http.StatusNotFound: "It may have been renamed, moved or deleted. A deleted file can still be found " +
		"in the earlier states.",
	http.StatusServiceUnavailable: "Nothing is lost. Files that were opened lately or are pinned can be read meanwhile.",
	http.StatusBadGateway:         "Postern shows nothing rather than something wrong. Other files are not affected.",
}

// failure is the data of an error page.
type failure struct {
	Title, Message, Hint string
	Path                 string // of the request, as shown
	Style                template.CSS
	Up                   template.URL // the folder above; empty at the root
	Back                 template.URL // the page whose form failed
	History              template.URL // of what is missing
	Again                bool
	Inside               bool // the user is logged in, so links work
}

// WantsHTML reports whether an answer would be read by a person in a browser, not by a program.
func WantsHTML(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodPost) &&
		strings.Contains(r.Header.Get("Accept"), "text/html")
}

// Failure answers with an error, in plain words. path is the path of the request; "" if it must not be shown or is not
// a path.
func Failure(w http.ResponseWriter, r *http.Request, status int, message, path string) {
	f := failure{Title: titles[status], Message: message, Hint: hints[status], Path: visible(path),
		Style: template.CSS(style)}
	f.Inside = path != "" || status == http.StatusBadRequest || status == http.StatusRequestURITooLong
	if r.Method == http.MethodPost {
		f.Title, f.Hint, f.Back = "", "", "?"+queryView
		if name := pageOfPeople(r, path); name != "" {
			f.Back = template.URL("?" + name)
		}
	}
	if f.Title == "" {
		f.Title = "This didn't work"
	}
	if i := strings.LastIndexByte(path, '/'); path != "/" && i >= 0 {
		f.Up = href(path[:i], true)
	}
	if _, ok := layout.CutFiles(path); ok && status == http.StatusNotFound {
		f.History = href(path, false) + "?" + queryVersions
	}
	f.Again = status == http.StatusServiceUnavailable || status == http.StatusUnauthorized
	var b bytes.Buffer
	h := w.Header()
	if err := templates.ExecuteTemplate(&b, "failure", f); err != nil {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		b.Reset()
		b.WriteString(message + "\n")
	} else {
		secure(h, failurePolicy)
	}
	h.Set("Content-Length", strconv.Itoa(b.Len()))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		io.Copy(w, &b) //nolint:errcheck // the client is gone
	}
}
