package gateway

import (
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"postern/cmd/postern/control"
	"postern/crypto"
	"postern/remote"
	"postern/remote/bundle"
	"postern/remote/mem"
	"postern/remote/transfer/transfertest"
)

// TestBundleHoldsAccount: bundles of an account, also those since an earlier one, carry the letters in its inbox and
// the record of its name, so that it can go on at a store that has only them. A name that is somebody else's stays.
func TestBundleHoldsAccount(t *testing.T) {
	ctx, w := t.Context(), newWired(t)
	g := &gateway{drive: w.drive, home: w.home, account: w.account, waits: w.waits, log: slog.New(slog.DiscardHandler)}
	inbox, id := w.account.Secret.InboxID(), crypto.NameIDOf(w.account.User)
	letter, at := transfertest.Letter(), w.session.Store
	claim := func(to remote.Store, secret crypto.AccountSecret) error {
		r, err := secret.SealName(w.account.User, 1, nil, rand.Reader)
		if err != nil {
			return err
		}
		return to.Roles().Names.Claim(ctx, id, r)
	}
	if err := errors.Join(at.Roles().Inbox.Drop(ctx, inbox, letter), at.Roles().Inbox.Drop(ctx, crypto.InboxID{1}, letter),
		claim(at, w.account.Secret)); err != nil {
		t.Fatal(err)
	}
	export := func(base []byte) (file string) {
		t.Helper()
		w.put("/files/note", []byte("a note"))
		file = filepath.Join(t.TempDir(), "drive.bundle")
		done, err := g.Export(ctx, control.ExportOrder{File: file, Base: base}, control.Quiet)
		if err != nil || done.Letters != 1 || done.Names != 1 {
			t.Fatalf("export: %+v, %v", done, err)
		}
		return file
	}
	first := export(nil)
	base, err := at.Load(ctx, w.account.Secret.Writer().ID())
	if err != nil {
		t.Fatal(err)
	}
	second := export(base.Marshal())

	to, taken := mem.New(), mem.New()
	if err := claim(taken, crypto.AccountSecret{1}); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{first, second} {
		o := bundle.ImportOptions{Follows: Follows(to, w.account)}
		done, err := ImportFile(ctx, to, file, o)
		if err != nil || done.Moved != 1 || done.Letters != 1 {
			t.Errorf("import: %+v, %v", done, err)
		}
	}
	if _, err := ImportFile(ctx, taken, first, bundle.ImportOptions{}); !errors.As(err, new(*bundle.Undelivered)) {
		t.Errorf("where somebody else has the name: %v", err)
	}
	for _, store := range []remote.Store{to, taken} {
		if has, err := HasDrive(ctx, store, w.account.Secret); err != nil || !has {
			t.Errorf("the drive is there: %v, %v", has, err)
		}
		letters, err := store.Roles().Inbox.Letters(ctx, inbox)
		if err != nil || !slices.Equal(letters, []crypto.LetterName{letter.Name()}) {
			t.Errorf("%d letters arrived, %v", len(letters), err)
		}
	}
	has, err := BelongingsAt(ctx, to, w.account)
	if err != nil || len(has.Mail.Names) != 1 {
		t.Errorf("the name did not arrive: %v", err)
	}
	if done, err := g.Import(ctx, second, control.Quiet); err != nil || done.Letters != 1 {
		t.Errorf("into the drive itself: %+v, %v", done, err)
	}
	if has, err := BelongingsAt(ctx, taken, w.account); err != nil || len(has.Mail.Names) != 0 {
		t.Errorf("somebody else's name is ours: %v", err)
	}
}
