// Package remotetest is the contract of package remote as code. Every driver and every wrapper is tested against it in
// a few lines:
//
//	func TestContract(t *testing.T) {
//		remotetest.Run(t, func(t *testing.T) remote.Store { return mem.New() })
//	}
//
// The checks are plain functions that return an error, so that they can be run outside of tests as well, against a
// remote that is in use: they touch only blobs of fresh random bytes and pointers of fresh random keys, and delete the
// blobs at the end. Pointers can't be deleted; each check leaves a few hundred bytes at most.
package remotetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
)

// Check is one part of the contract.
type Check struct {
	Name    string // "blob/ranges"
	Promise string // one sentence: what a passed check proves
	Handles bool   // needs Env.Another

	Do func(ctx context.Context, e *Env) error // nil: it holds
}

// Env is the environment of a check.
type Env struct {
	Store   remote.Store                 // a handle; the check may close it
	Another func() (remote.Store, error) // opens one more handle on the same remote; nil: there is only one
	Rand    io.Reader                    // of bytes and keys, used by one goroutine at a time

	mu     sync.Mutex
	made   []crypto.BlobName
	failed error // of Rand
}

// Checks returns the whole contract, the simplest checks first.
func Checks() []Check {
	var all []Check
	for _, some := range [][]Check{
		blobChecks, bodyChecks, listChecks, pointerChecks, changeChecks, idChecks, inboxChecks, nameChecks, watchChecks,
		contextChecks, concurrentChecks, handleChecks, closeChecks,
	} {
		all = append(all, some...)
	}
	return all
}

// Run tests a store whose remote can be opened by one handle only. Each check gets a new, empty remote from open; Run
// closes it.
func Run(t *testing.T, open func(t *testing.T) remote.Store) {
	t.Helper()
	RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
		first := open(t)
		return func() (remote.Store, error) {
			s := first
			first = nil
			return s, nil
		}
	}, single)
}

// option is an argument of RunHandles.
type option int

// single skips the checks that need several handles.
const single option = iota

// RunHandles tests a store of which several handles can be open at the same time. start makes a new, empty remote and
// returns a function that opens a handle on it; RunHandles closes the handles.
func RunHandles(t *testing.T, start func(t *testing.T) func() (remote.Store, error), o ...option) {
	t.Helper()
	for i, check := range Checks() {
		if check.Handles && len(o) > 0 {
			continue
		}
		t.Run(check.Name, func(t *testing.T) {
			open := start(t)
			opened := func() (remote.Store, error) {
				s, err := open()
				if err == nil {
					t.Cleanup(func() {
						if err := s.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					})
				}
				return s, err
			}
			s, err := opened()
			if err != nil {
				t.Fatal(err)
			}
			e := &Env{Store: s, Another: opened, Rand: rand.NewChaCha8([32]byte{byte(i)})}
			if len(o) > 0 {
				e.Another = nil
			}
			if err := check.run(t.Context(), e); err != nil {
				t.Fatalf("%s: %v", check.Promise, err)
			}
		})
	}
}

// RunAll runs the contract against a remote in use, without package testing, and reports after each check. open returns
// a handle; random must be crypto/rand's reader, or blobs of an earlier run might be there. The error joins all
// reported errors, or is the context's own if it has ended.
func RunAll(ctx context.Context, open func() (remote.Store, error), random io.Reader, report func(Check, error)) error {
	var errs []error
	for _, check := range Checks() {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := RunOne(ctx, check, open, random)
		if ended := ctx.Err(); ended != nil {
			return ended // a failure after that proves nothing about the remote
		}
		report(check, err)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", check.Name, err))
		}
	}
	return errors.Join(errs...)
}

// RunOne runs a check on handles of its own, without package testing, and cleans up. See RunAll.
func RunOne(ctx context.Context, check Check, open func() (remote.Store, error), random io.Reader) error {
	var handles []remote.Store
	opened := func() (remote.Store, error) {
		s, err := open()
		if err == nil {
			handles = append(handles, s)
		}
		return s, err
	}
	s, err := opened()
	if err != nil {
		return err
	}
	e := &Env{Store: s, Another: opened, Rand: random}
	errs := []error{check.run(ctx, e), e.cleanUp(ctx, open)}
	for _, s := range handles {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// cleanUpTime bounds the deletions after a cancelled run.
const cleanUpTime = 10 * time.Second

// cleanUp deletes the blobs of a check, through a handle that the check can't have closed. It does so even if ctx has
// ended, since no later run deletes them.
func (e *Env) cleanUp(ctx context.Context, open func() (remote.Store, error)) error {
	if len(e.made) == 0 {
		return nil
	}
	lasting, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(cleanUpTime, cancel) })()
	s, err := open()
	if err != nil {
		return err
	}
	var errs []error
	for _, name := range e.made {
		errs = append(errs, s.Delete(lasting, name))
	}
	return errors.Join(append(errs, s.Close())...)
}

// bytes returns random bytes.
func (e *Env) bytes(n int) []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(e.Rand, b); err != nil {
		e.failed = fmt.Errorf("no random bytes: %w", err)
	}
	return b
}

// blob returns random bytes and their name.
func (e *Env) blob(size int) (crypto.BlobName, []byte) {
	data := e.bytes(size)
	name := crypto.NameOf(data)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.made = append(e.made, name)
	return name, data
}

// stored makes a blob and puts it.
func (e *Env) stored(ctx context.Context, size int) (crypto.BlobName, []byte, error) {
	name, data := e.blob(size)
	return name, data, e.Store.Put(ctx, name, remote.BytesBody(data))
}

// writer returns the key of a fresh pointer.
func (e *Env) writer() crypto.WriterKey {
	return crypto.NewWriterKey([crypto.KeySize]byte(e.bytes(crypto.KeySize)))
}

// numbers returns a random number generator seeded from Rand.
func (e *Env) numbers() *rand.Rand { return rand.New(rand.NewChaCha8([32]byte(e.bytes(32)))) }

// run runs the check. If Rand failed, it returns that error, since the check's own result means nothing then.
func (c Check) run(ctx context.Context, e *Env) error {
	err := c.Do(ctx, e)
	return first(e.failed, err)
}

// want returns an error unless err is of the kind.
func want(what string, err, kind error) error {
	if err == nil {
		return fmt.Errorf("%s succeeds, it should fail: %w", what, kind)
	}
	if got := remote.KindOf(err); got != kind {
		return fmt.Errorf("%s should fail as %q, it says: %w", what, kind, err)
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
