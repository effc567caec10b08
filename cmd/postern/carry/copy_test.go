package carry

import (
	crand "crypto/rand"
	"path/filepath"
	"slices"
	"testing"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/transfer/transfertest"
)

// TestCopyTakesLettersAndName: a copy takes along the letters in the account's inbox, and the record of its name unless
// somebody else holds that name.
func TestCopyTakesLettersAndName(t *testing.T) {
	for name, own := range map[string]bool{"own name": true, "another's name": false} {
		t.Run(name, func(t *testing.T) {
			ctx, dir := t.Context(), t.TempDir()
			h := home.Home(filepath.Join(dir, "home"))
			var targets [2]gateway.Target
			for i, folder := range []string{"from", "to"} {
				var err error
				if targets[i], err = gateway.Drivers(nil).Parse("disk:"+filepath.Join(dir, folder), h); err != nil {
					t.Fatal(err)
				}
			}
			account := newAccount(t)
			s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: h, To: targets[0], Founding: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := gateway.BeginDrive(ctx, s, account, "", crand.Reader); err != nil {
				t.Fatal(err)
			}
			letter := transfertest.Letter()
			if err := s.Store.Roles().Inbox.Drop(ctx, account.Secret.InboxID(), letter); err != nil {
				t.Fatal(err)
			}
			holder := account
			if !own {
				holder = newAccount(t)
			}
			record, err := holder.Secret.SealName(account.User, 1, nil, crand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			id := crypto.NameIDOf(account.User)
			if err := s.Store.Roles().Names.Claim(ctx, id, record); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}

			at, err := Copy(ctx, CopyOptions{
				Home: h, Account: account, From: targets[0], To: targets[1], Tell: control.Quiet,
			})
			if err != nil || at.Moved != 1 || at.Letters != 1 || at.Names == 1 != own {
				t.Errorf("%+v, %v", at, err)
			}
			to, err := disk.Open(filepath.Join(dir, "to"), disk.Options{Existing: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = to.Close() }() // only read from
			letters, err := to.Letters(ctx, account.Secret.InboxID())
			if err != nil || !slices.Equal(letters, []crypto.LetterName{letter.Name()}) {
				t.Errorf("%d letters arrived, %v", len(letters), err)
			}
			if _, err := to.LookUp(ctx, id); own && err != nil || !own && !remote.OfKind(err, remote.ErrNotFound) {
				t.Errorf("the record of the name: %v", err)
			}
		})
	}
}
