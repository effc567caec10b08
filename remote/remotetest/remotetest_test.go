package remotetest_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
)

// TestBugsAreNoticed proves the checks: each fails for a store with its bug.
func TestBugsAreNoticed(t *testing.T) {
	for _, bug := range slices.Concat(bugs, bugsOfRoles) {
		t.Run(bug.bug, func(t *testing.T) {
			t.Parallel()
			check := find(t, bug.check)
			b := &broken{Store: mem.New()}
			if err := check.Do(t.Context(), &remotetest.Env{Store: b, Rand: rand.Reader}); err != nil {
				t.Fatalf("without the bug: %v", err)
			}
			b = &broken{Store: mem.New()}
			bug.breaks(b)
			if err := check.Do(t.Context(), &remotetest.Env{Store: b, Rand: rand.Reader}); err == nil {
				t.Fatalf("%q does not notice it", bug.check)
			}
		})
	}
}

// find returns a check by name.
func find(t *testing.T, name string) remotetest.Check {
	t.Helper()
	for _, check := range remotetest.Checks() {
		if check.Name == name {
			return check
		}
	}
	t.Fatalf("there is no check %q", name)
	return remotetest.Check{}
}

// TestEveryCheckHasABug checks that the table above is complete.
func TestEveryCheckHasABug(t *testing.T) {
	// Checks that no bug of one method of one handle can fail are tested below, or by the race detector.
	elsewhere := []string{"concurrent/same blob", "concurrent/many blobs", "handles/see each other", "handles/outlive"}
	seen := map[string]bool{}
	for _, check := range remotetest.Checks() {
		if seen[check.Name] {
			t.Errorf("two checks are called %q", check.Name)
		}
		seen[check.Name] = true
		if check.Promise == "" || strings.HasSuffix(check.Promise, ".") {
			t.Errorf("%s: the promise %q is no sentence without a full stop", check.Name, check.Promise)
		}
		if slices.Contains(elsewhere, check.Name) {
			continue
		}
		if !slices.ContainsFunc(slices.Concat(bugs, bugsOfRoles), func(b bug) bool { return b.check == check.Name }) {
			t.Errorf("no bug proves that %q can fail", check.Name)
		}
	}
}

// TestHandlesThatDoNotShare tests the checks of several handles.
func TestHandlesThatDoNotShare(t *testing.T) {
	for _, name := range []string{"handles/see each other", "handles/outlive", "concurrent/many blobs",
		"concurrent/one winner"} {
		apart := func() (remote.Store, error) { return mem.New(), nil }
		if err := find(t, name).Do(t.Context(),
			&remotetest.Env{Store: mem.New(), Another: apart, Rand: rand.Reader}); err == nil {
			t.Errorf("%q does not notice handles that share nothing", name)
		}
	}
}

// TestRunAllLeavesNothing runs the contract as a command would, against a remote in use.
func TestRunAllLeavesNothing(t *testing.T) {
	s := mem.New()
	mine := []byte("sealed before")
	name := crypto.NameOf(mine)
	if err := s.Put(t.Context(), name, remote.BytesBody(mine)); err != nil {
		t.Fatal(err)
	}
	reported := 0
	err := remotetest.RunAll(t.Context(), func() (remote.Store, error) { return s.Another(), nil }, rand.Reader,
		func(c remotetest.Check, err error) {
			reported++
			if err != nil {
				t.Errorf("%s: %v", c.Name, err)
			}
		})
	if err != nil {
		t.Fatal(err)
	}
	if reported != len(remotetest.Checks()) {
		t.Errorf("%d of %d checks were reported", reported, len(remotetest.Checks()))
	}
	for info, err := range s.List(t.Context()) {
		if err != nil || info.Name != name {
			t.Errorf("left behind: %v, %d bytes, %v", info.Name, info.Size, err)
		}
	}
	if got, err := s.Get(t.Context(), name); err != nil || !bytes.Equal(got, mine) {
		t.Errorf("the blob from before: %q, %v", got, err)
	}
}

// TestRunAllReports checks that failures are reported, including a failing source of randomness.
func TestRunAllReports(t *testing.T) {
	noRoom := func() (remote.Store, error) { return mem.NewSized(10), nil }
	failed := 0
	err := remotetest.RunAll(t.Context(), noRoom, rand.Reader, func(_ remotetest.Check, err error) {
		if err != nil {
			failed++
		}
	})
	if failed == 0 || !errors.Is(err, remote.ErrFull) {
		t.Errorf("a remote without room: %d failed, %v", failed, err)
	}
	s := mem.New()
	again := func() (remote.Store, error) { return s.Another(), nil }
	if err := remotetest.RunAll(t.Context(), again, strings.NewReader(""), func(remotetest.Check, error) {}); err == nil {
		t.Error("without random bytes all is well")
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if err := remotetest.RunAll(ended, again, rand.Reader,
		func(remotetest.Check, error) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: %v", err)
	}
}
