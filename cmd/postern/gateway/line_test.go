package gateway

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/metrics"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/roots"
	"postern/vfs/space"
)

// wired is a gateway's drive as serve opens it, with its remote on a disk that can be taken away.
type wired struct {
	*drive
	t       *testing.T
	home    home.Home
	session *Session
	account home.Account
	disk    string
	url     string // of the remote; empty: a disk
	waits   remote.Deadlines
	others  []byte // the numbers of the account's further spaces, as its registry names them
	beside  func(ctx context.Context, store remote.Store, id crypto.PointerID) (space.Options, error)
}

func newWired(t *testing.T) *wired {
	t.Helper()
	w := &wired{t: t, home: home.Home(filepath.Join(t.TempDir(), "home")), disk: filepath.Join(t.TempDir(), "disk")}
	w.open()
	t.Cleanup(w.close)
	return w
}

// open opens the drive. The first time it makes the account and the drive.
func (w *wired) open() {
	w.t.Helper()
	to, err := Drivers(nil).Parse(cmp.Or(w.url, "disk:"+w.disk), w.home)
	if err != nil {
		w.t.Fatal(err)
	}
	first := w.account == home.Account{}
	measured, log := metrics.New("test"), slog.New(slog.DiscardHandler)
	w.session, err = Hold(w.t.Context(), HoldOptions{
		Home: w.home, To: to, Founding: first, First: first, lasts: true, Metrics: measured, Log: log, waits: w.waits,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if first {
		w.account, err = home.NewAccount("anna", to.String(), rand.Reader)
		if err == nil {
			err = BeginDrive(w.t.Context(), w.session, w.account, "", rand.Reader)
		}
	}
	if err == nil {
		w.drive, err = openDrive(w.t.Context(), driveOptions{
			home: w.home, to: to, store: w.session.Store, line: w.session.line, usage: w.session.usage,
			account: w.account, settings: home.Defaults(),
			metrics: measured, waits: w.waits, log: log, rand: rand.Reader, beside: w.beside, registry: w.registry(),
		})
	}
	if err != nil {
		w.t.Fatal(errors.Join(err, w.session.Close()))
	}
}

// registry returns a registry of the account's further spaces; nil: there are none.
func (w *wired) registry() roots.Registry {
	if len(w.others) == 0 {
		return nil
	}
	return func(context.Context, roots.State) (all []roots.Space, _ error) {
		for _, n := range w.others {
			all = append(all, roots.Space{Capability: second(w.account, n).ReadOnly(), Stage: roots.Live})
		}
		return all, nil
	}
}

func (w *wired) close() {
	w.t.Helper()
	if err := errors.Join(w.drive.close(), w.session.Close()); err != nil {
		w.t.Error(err)
	}
}

func (w *wired) put(path string, body []byte) {
	w.t.Helper()
	u, err := w.fs.Create(w.t.Context(), path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer u.Abort()
	if _, err := u.Write(body); err != nil {
		w.t.Fatal(err)
	}
	if _, _, err := u.Commit(w.t.Context(), vfs.CommitOptions{}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *wired) read(path string) ([]byte, error) {
	f, err := w.fs.Open(w.t.Context(), path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(f)
}

// await waits until holds returns true.
func (w *wired) await(what string, limit time.Duration, holds func() bool) {
	w.t.Helper()
	end, tick := time.After(limit), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-end:
			w.t.Fatalf("%s did not come within %v: %+v, %+v", what, limit, w.status(), w.pins.Status())
		}
	}
}

// TestDiskTakenAway takes the disk of a drive's remote away and brings it back: meanwhile pinned files can be read,
// other reads fail soon, changes are accepted, and the status reports since when; then all changes go there by
// themselves.
func TestDiskTakenAway(t *testing.T) {
	t.Parallel() // it waits for deadlines
	w := newWired(t)
	kept, other := noise(6<<20), noise(6<<20)
	w.put("/files/kept", kept)
	w.put("/files/other", other)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := w.space.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	if err := w.pins.Pin("/files/kept"); err != nil {
		t.Fatal(err)
	}
	if err := w.pins.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	if st := w.pins.Status(); len(st.Paths) != 1 || !st.Paths[0].Complete() || st.Paths[0].Bytes < int64(len(kept)) {
		t.Fatalf("%+v", st)
	}
	if st := w.status(); !st.Commit.Offline.IsZero() {
		t.Fatalf("%+v", st)
	}

	if err := os.Rename(w.disk, w.disk+" elsewhere"); err != nil {
		t.Fatal(err)
	}
	left := time.Now()
	if _, err := w.read("/files/other"); !errors.Is(err, vfs.ErrUnavailable) {
		t.Errorf("what isn't pinned: %v", err)
	}
	// plus room for a busy machine
	if took := time.Since(left); took > remote.Shipped.Suspect+remote.Shipped.Trial+5*time.Second {
		t.Errorf("to say so took %v", took)
	}
	w.await("the word that the remote is away", 10*time.Second, func() bool { return !w.status().Commit.Offline.IsZero() })
	if got, err := w.read("/files/kept"); err != nil || !bytes.Equal(got, kept) {
		t.Errorf("what is pinned: %d bytes, %v", len(got), err)
	}
	w.put("/files/new", kept[:1000])
	if st := w.status(); st.Pending.Changes != 1 || st.Commit.Offline.Before(left) {
		t.Errorf("%+v", st)
	}
	if err := w.ready(); err != nil {
		t.Errorf("changes are taken, and it is not ready: %v", err)
	}

	if err := os.Rename(w.disk+" elsewhere", w.disk); err != nil {
		t.Fatal(err)
	}
	w.await("the end of what waited", 3*remote.Shipped.Every+5*time.Second, func() bool {
		st := w.status()
		return st.Pending.Changes == 0 && st.Commit.Offline.IsZero()
	})
	if got, err := w.read("/files/other"); err != nil || !bytes.Equal(got, other) {
		t.Errorf("with the disk back: %d bytes, %v", len(got), err)
	}
}
