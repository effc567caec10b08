package gateway

import (
	"context"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/home"
	"postern/metrics"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/people/peopletest"
)

var allStories = flag.Bool("stories", false, "tell all stories over DAV, which takes a minute")

// TestStories runs stories of several users over DAV, with the gateways of three users at one disk.
func TestStories(t *testing.T) {
	peopletest.TellTogether(t, &davs{disk: filepath.Join(t.TempDir(), "disk")}, *allStories)
}

// davs are gateways at one disk, whose drives are used over DAV.
type davs struct {
	disk  string
	homes []davHome
}

type davHome struct {
	home.Home
	account home.Account
}

// Befriend implements peopletest.Kit.
func (k *davs) Befriend(context.Context, peopletest.Gateway, peopletest.Gateway) (bool, error) {
	return false, nil
}

// Freeze implements peopletest.Kit. A closed gateway writes nothing to its home any more.
func (k *davs) Freeze(*testing.T, peopletest.Home) {}

// Open implements peopletest.Kit.
func (k *davs) Open(t *testing.T, h peopletest.Home) peopletest.Gateway {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	var err error
	first := h.Number == len(k.homes)
	if first {
		k.homes = append(k.homes, davHome{Home: home.Home(filepath.Join(t.TempDir(), "home"))})
		if k.homes[h.Number].account, err = home.AccountWith(h.User, "", h.Account, rand.Reader); err != nil {
			t.Fatal(err)
		}
	}
	at := k.homes[h.Number]
	to, err := Drivers(nil).Parse("disk:"+k.disk, at.Home)
	if err != nil {
		t.Fatal(err)
	}
	waits := remote.Deadlines{Poll: time.Hour}.OrShipped()
	measured := metrics.New("test")
	session, err := Hold(ctx, HoldOptions{Home: at.Home, To: to, Founding: true, First: first, lasts: true,
		Metrics: measured, Log: log, waits: waits, now: h.Now})
	if err != nil {
		t.Fatal(err)
	}
	if h.First {
		err = BeginDrive(ctx, session, at.account, "", rand.Reader)
	}
	var d *drive
	if err == nil {
		d, err = openDrive(ctx, driveOptions{home: at.Home, to: to, store: remote.Wrap(session.Store, h.Around),
			line: session.line, usage: session.usage, account: at.account, settings: home.Defaults(), metrics: measured,
			waits: waits, now: h.Now, log: log, rand: rand.Reader})
	}
	if err != nil {
		t.Fatal(errors.Join(err, session.Close()))
	}
	uploads, err := at.OpenUploads()
	if err != nil {
		t.Fatal(errors.Join(err, d.close(), session.Close()))
	}
	handler, webdav, _, err := newHandler(handlerOptions{fs: d.fs, status: d.shown, locks: session.state.Locks(),
		uploads: uploads, user: h.User, password: "secret", metrics: measured, patience: waits.Answer, ready: d.ready,
		now: h.Now, log: log, rand: rand.Reader})
	if err != nil {
		t.Fatal(errors.Join(err, uploads.Close(), d.close(), session.Close()))
	}
	return peopletest.Gateway{Drive: overDAV{handler, h.User}, People: d.people, Own: d.space, Close: func() error {
		webdav.Stop()
		return errors.Join(uploads.Close(), d.close(), session.Close())
	}}
}

// overDAV is a drive that is used over DAV.
type overDAV struct {
	handler http.Handler
	user    string
}

// kindOf are the kinds of errors by the status of an answer.
var kindOf = map[int]error{
	http.StatusNotFound: vfs.ErrNotExist, http.StatusConflict: vfs.ErrNotExist, http.StatusForbidden: vfs.ErrReadOnly,
	http.StatusServiceUnavailable: vfs.ErrUnavailable, http.StatusInsufficientStorage: vfs.ErrFull,
	http.StatusMethodNotAllowed: vfs.ErrExist, http.StatusPreconditionFailed: vfs.ErrExist,
	http.StatusBadGateway: vfs.ErrCorrupt,
}

// ask makes a request, and returns the body of its answer.
func (d overDAV) ask(ctx context.Context, method, name, body string, headers ...string) (string, error) {
	r := httptest.NewRequestWithContext(ctx, method, "http://localhost"+escaped(name), strings.NewReader(body))
	r.SetBasicAuth(d.user, "secret")
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	d.handler.ServeHTTP(w, r)
	answer, err := io.ReadAll(w.Result().Body)
	switch {
	case err != nil || w.Code < http.StatusMultipleChoices:
		return string(answer), err
	case kindOf[w.Code] != nil:
		return "", fmt.Errorf("%w: %d: %.300s", kindOf[w.Code], w.Code, answer)
	default:
		return "", fmt.Errorf("the answer is %d: %.300s", w.Code, answer)
	}
}

func escaped(name string) string { return (&url.URL{Path: name}).EscapedPath() }

// Put implements peopletest.Drive.
func (d overDAV) Put(ctx context.Context, name, text string) error {
	_, err := d.ask(ctx, "PUT", name, text)
	return err
}

// Get implements peopletest.Drive.
func (d overDAV) Get(ctx context.Context, name string) (string, error) {
	return d.ask(ctx, "GET", name, "")
}

// Mkdir implements peopletest.Drive.
func (d overDAV) Mkdir(ctx context.Context, name string) error {
	_, err := d.ask(ctx, "MKCOL", name, "")
	return err
}

// Move implements peopletest.Drive.
func (d overDAV) Move(ctx context.Context, from, to string) error {
	_, err := d.ask(ctx, "MOVE", from, "", "Destination", "http://localhost"+escaped(to), "Overwrite", "F")
	return err
}

// Copy implements peopletest.Drive.
func (d overDAV) Copy(ctx context.Context, from, to string) error {
	_, err := d.ask(ctx, "COPY", from, "", "Destination", "http://localhost"+escaped(to), "Overwrite", "F")
	return err
}

// Remove implements peopletest.Drive.
func (d overDAV) Remove(ctx context.Context, name string) error {
	_, err := d.ask(ctx, "DELETE", name, "")
	return err
}

// List implements peopletest.Drive.
func (d overDAV) List(ctx context.Context, name string) (names []string, err error) {
	answer, err := d.ask(ctx, "PROPFIND", name, "", "Depth", "1")
	if err != nil {
		return nil, err
	}
	var all struct {
		Responses []struct {
			Href string `xml:"href"`
		} `xml:"response"`
	}
	if err := xml.Unmarshal([]byte(answer), &all); err != nil {
		return nil, err
	}
	for i, r := range all.Responses {
		at, err := url.PathUnescape(r.Href)
		switch {
		case err != nil:
			return nil, err
		case i == 0: // the folder itself
		case strings.HasSuffix(at, "/"):
			names = append(names, path.Base(at)+"/")
		default:
			names = append(names, path.Base(at))
		}
	}
	return names, nil
}
