package account

import (
	"context"
	"crypto/rand"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

// machines are the homes of several machines over one remote on disk.
type machines struct {
	t      *testing.T
	folder string
}

func newMachines(t *testing.T) machines { return machines{t, t.TempDir()} }

// place returns the place of a user on a machine.
func (m machines) place(machine, user string) Place {
	m.t.Helper()
	h := home.Home(filepath.Join(m.folder, machine))
	to, err := gateway.Shipped().Parse("disk:"+filepath.Join(m.folder, "remote"), h)
	if err != nil {
		m.t.Fatal(err)
	}
	return Place{Home: h, User: user, To: to}
}

// make makes an account and returns its secret.
func (m machines) make(at Place, passphrase string) (secret crypto.AccountSecret) {
	m.t.Helper()
	show := func(s crypto.AccountSecret) error { secret = s; return nil }
	if named, err := Make(m.t.Context(), at, passphrase, show, rand.Reader); err != nil || !named {
		m.t.Fatal(err)
	}
	return secret
}

// read returns the finished account of a home.
func (m machines) read(at Place) home.Account {
	m.t.Helper()
	known, err := at.Home.ReadAccount()
	if err != nil {
		m.t.Fatal(err)
	}
	if known.Unfinished {
		m.t.Fatal("the account is unfinished")
	}
	return known
}

// fails expects an error with a text and a remedy.
func fails(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(say.Sentence(err), text) {
		t.Errorf("error %v, want %q", err, text)
	}
}

func never(crypto.AccountSecret) error { return errors.New("words were shown once more") }

const old, fresh = "old and dusty piano", "new and shiny trumpet"

func TestMakeAndLogIn(t *testing.T) {
	m := newMachines(t)
	desk, laptop := m.place("desk", "alice"), m.place("laptop", "alice")
	secret := m.make(desk, old)
	made := m.read(desk)
	if made.Secret != secret || made.User != "alice" || !made.Passphrase {
		t.Errorf("account %+v", made)
	}
	fails(t, LogIn(t.Context(), laptop, fresh, rand.Reader), "the name, the passphrase or the remote is wrong")
	if err := laptop.CheckVacant(); err != nil {
		t.Errorf("a failed login left something: %v", err)
	}
	if err := LogIn(t.Context(), laptop, old, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if brought := m.read(laptop); brought.Secret != secret || brought.Device == made.Device || !brought.Passphrase {
		t.Errorf("account %+v", brought)
	}
	tablet := m.place("tablet", "alice")
	_, err := Make(t.Context(), tablet, old, never, rand.Reader)
	fails(t, err, "opens another account")
	_, err = Make(t.Context(), tablet, fresh, never, rand.Reader)
	fails(t, err, "the name alice belongs to another account")
	_, err = Make(t.Context(), m.place("tablet", "friends"), fresh, never, rand.Reader)
	fails(t, err, "the name friends is reserved")
	if err := tablet.CheckVacant(); err != nil {
		t.Errorf("a taken name left something: %v", err)
	}
	fails(t, desk.CheckMakeable(), "has the account of alice already")
}

// TestMakeGoesOn: an account whose words could not be shown stays unfinished, and the next attempt finishes that one.
func TestMakeGoesOn(t *testing.T) {
	m := newMachines(t)
	desk := m.place("desk", "alice")
	var first crypto.AccountSecret
	broken := errors.New("the terminal is gone")
	_, err := Make(t.Context(), desk, old, func(s crypto.AccountSecret) error { first = s; return broken }, rand.Reader)
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
	fails(t, desk.CheckVacant(), "half made: run postern init again")
	if err := desk.CheckMakeable(); err != nil {
		t.Error(err)
	}
	if second := m.make(desk, old); second != first {
		t.Error("the second attempt made another account")
	}
	m.read(desk)
}

// TestNothingReplacesAnAccount: an account that another process brought meanwhile stays.
func TestNothingReplacesAnAccount(t *testing.T) {
	m := newMachines(t)
	alice := m.make(m.place("desk", "alice"), old)
	bob := m.make(m.place("laptop", "bob"), fresh)
	fails(t, LogIn(t.Context(), m.place("laptop", "alice"), old, rand.Reader), "has the account of bob already")
	fails(t, Recover(t.Context(), m.place("laptop", "alice"), alice, "", rand.Reader), "has the account of bob already")
	if now := m.read(m.place("laptop", "bob")); now.Secret != bob {
		t.Error("the account was replaced")
	}
}

func TestRecover(t *testing.T) {
	m := newMachines(t)
	secret := m.make(m.place("desk", "alice"), old)
	again, err := FromWords(secret.Words())
	if err != nil || again != secret {
		t.Fatal(again, err)
	}
	_, err = FromWords([]string{"abandon"})
	fails(t, err, "these are not the recovery words")

	other, err := crypto.Random[crypto.AccountSecret](rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	fails(t, Recover(t.Context(), m.place("thief", "alice"), other, "", rand.Reader), "no drive at")
	if err := Recover(t.Context(), m.place("phone", "alice"), secret, "", rand.Reader); err != nil {
		t.Fatal(err)
	}
	if known := m.read(m.place("phone", "alice")); known.Secret != secret || known.Passphrase {
		t.Errorf("account %+v", known)
	}
	if err := Recover(t.Context(), m.place("laptop", "alice"), secret, fresh, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if err := LogIn(t.Context(), m.place("tablet", "alice"), fresh, rand.Reader); err != nil {
		t.Errorf("the new passphrase: %v", err)
	}
}

func TestChange(t *testing.T) {
	m := newMachines(t)
	desk := m.place("desk", "alice")
	secret := m.make(desk, old)
	c, err := BeginChange(t.Context(), desk.Home, m.read(desk), desk.To, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	fails(t, c.Unlock(t.Context(), fresh), "this is not the passphrase of alice")
	if err := c.Unlock(t.Context(), old); err != nil {
		t.Fatal(err)
	}
	fails(t, c.Set(t.Context(), old), "the new passphrase is the old one")
	if err := c.Set(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	fails(t, LogIn(t.Context(), m.place("laptop", "alice"), old, rand.Reader), "was changed for another")
	if err := LogIn(t.Context(), m.place("laptop", "alice"), fresh, rand.Reader); err != nil {
		t.Error(err)
	}
	pointer, err := LoginRecord(t.Context(), desk.Home, m.read(desk), desk.To, fresh)
	if err != nil || pointer.ID == secret.Writer().ID() || pointer.Verify() != nil {
		t.Errorf("login record %v, %v", pointer, err)
	}
	_, err = LoginRecord(t.Context(), desk.Home, m.read(desk), desk.To, old)
	fails(t, err, "use the newer one")
}

// firstRun calls FirstRun on a held home.
func firstRun(t *testing.T, h home.Home, url string, show ShowWords) (home.Account, bool, error) {
	t.Helper()
	to, err := gateway.Shipped().Parse(url, h)
	if err != nil {
		t.Fatal(err)
	}
	o := gateway.HoldOptions{Home: h, To: to, Founding: true, First: true}
	s, err := gateway.Hold(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	return FirstRun(t.Context(), s, show, rand.Reader)
}

func TestFirstRun(t *testing.T) {
	h := home.Home(filepath.Join(t.TempDir(), "home"))
	broken := errors.New("the terminal is gone")
	var shown crypto.AccountSecret
	_, made, err := firstRun(t, h, "", func(s crypto.AccountSecret) error { shown = s; return broken })
	if made || !errors.Is(err, broken) {
		t.Fatalf("words that were not shown: %v %v", made, err)
	}
	known, made, err := firstRun(t, h, "", func(s crypto.AccountSecret) error { return nil })
	if err != nil || !made || known.Secret != shown || known.User != DefaultUser || known.Unfinished || known.Passphrase {
		t.Fatalf("the account is not finished: %+v %v %v", known, made, err)
	}
	again, made, err := firstRun(t, h, "", never)
	if err != nil || made || again.Secret != shown {
		t.Errorf("another run: %v %v", made, err)
	}
}

// TestFirstRunInMemory: the account of a drive in memory is not written down.
func TestFirstRunInMemory(t *testing.T) {
	h := home.Home(filepath.Join(t.TempDir(), "home"))
	if known, made, err := firstRun(t, h, "mem:", never); err != nil || made || known.User != DefaultUser {
		t.Errorf("%+v %v %v", known, made, err)
	}
	if _, err := h.ReadAccount(); !errors.Is(err, home.ErrNoAccount) {
		t.Errorf("the account was written: %v", err)
	}
}

func TestPassword(t *testing.T) {
	h := home.Home(filepath.Join(t.TempDir(), "home"))
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	unset := func(string) string { return "" }
	first, where, err := Password(h, unset, rand.Reader)
	if err != nil || first == "" || where != h.Password() {
		t.Fatal(where, err)
	}
	if err := RotatePassword(t.Context(), h, rand.Reader); err != nil {
		t.Fatal(err)
	}
	if second, _, err := Password(h, unset, rand.Reader); err != nil || second == first {
		t.Errorf("the password did not change: %v", err)
	}
	set := func(name string) string { return say.IfElse(name == PasswordVariable, "my own choice", "") }
	own, where, err := Password(h, set, rand.Reader)
	if err != nil || own != "my own choice" || where != "$"+PasswordVariable {
		t.Error(own, where, err)
	}
}
