package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"postern/cmd/postern/command"
	"postern/cmd/postern/gateway"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
)

// world is a remote that several machines share. It rejects writes after a number that the test sets.
type world struct {
	t       *testing.T
	shared  *mem.Store
	left    atomic.Int64    // writes that still succeed
	called  func()          // before each call of the remote; nil: nothing
	drivers gateway.Drivers // the shipped ones and test:
	folder  string
}

const enough = 1 << 30

func newWorld(t *testing.T) *world {
	w := &world{t: t, shared: mem.New(), folder: t.TempDir()}
	w.left.Store(enough)
	w.drivers = append(gateway.Shipped(), gateway.Driver{
		Scheme: "test", Form: "test:",
		Open: func(context.Context, string, gateway.Opening) (remote.Store, error) {
			return faulty.New(w.shared.Another(), func(c faulty.Call) faulty.Fault {
				if w.called != nil {
					w.called()
				}
				// ErrFull is not retried, so the command ends here as after a crash.
				if (c.Op == faulty.Put || c.Op == faulty.Swap) && w.left.Add(-1) < 0 {
					return faulty.Full
				}
				return faulty.Fine
			}, faulty.Options{}), nil
		},
	})
	return w
}

// run runs a command on a machine and returns its exit code and its output.
func (w *world) run(machine string, env map[string]string, args ...string) (int, string) {
	w.t.Helper()
	return w.runUntil(w.t.Context(), machine, env, args...)
}

// runUntil is like run, until ctx ends.
func (w *world) runUntil(ctx context.Context, machine string, env map[string]string, args ...string) (int, string) {
	w.t.Helper()
	out, err := os.Create(filepath.Join(w.t.TempDir(), "out"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	null, err := os.Open(os.DevNull)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = null.Close() }()
	p := &command.Program{Terminal: command.Terminal{In: null, Out: out, Err: out}, Rand: rand.Reader, Drivers: w.drivers,
		Getenv: func(name string) string {
			if name == "POSTERN_HOME" {
				return filepath.Join(w.folder, machine)
			}
			return env[name]
		}}
	code := p.Run(ctx, args, families)
	said, err := os.ReadFile(out.Name())
	if err != nil {
		w.t.Fatal(err)
	}
	return code, string(said)
}

func (w *world) must(machine string, env map[string]string, args ...string) string {
	w.t.Helper()
	code, said := w.run(machine, env, args...)
	if code != command.ExitDone {
		w.t.Fatalf("%s on %s: %d %s", strings.Join(args, " "), machine, code, said)
	}
	return said
}

func phrase(pairs ...string) map[string]string {
	env := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	return env
}

// eachWrite runs a story that is interrupted after 0, 1, 2 … writes, until the story reports that it finished.
func eachWrite(t *testing.T, story func(t *testing.T, writes int64) (finished bool)) {
	for writes := range int64(12) {
		finished := false
		t.Run(fmt.Sprintf("after %d writes", writes), func(t *testing.T) { finished = story(t, writes) })
		if finished && writes > 0 {
			return
		}
		if finished || t.Failed() {
			t.Fatalf("nothing was broken off, or broke: %d writes", writes)
		}
	}
	t.Fatal("it never had writes enough")
}

// TestInitInterrupted interrupts the making of an account at every write. A second run finishes it: there is one
// account, its words were shown, and another machine can log in.
func TestInitInterrupted(t *testing.T) {
	env := phrase("POSTERN_PASSPHRASE", "crop nerve zoo lizard abandon")
	eachWrite(t, func(t *testing.T, writes int64) bool {
		w := newWorld(t)
		w.left.Store(writes)
		code, said := w.run("desk", env, "init", "--user", "alice", "--remote", "test:")
		if code == command.ExitDone {
			return true
		}
		if strings.Contains(said, "recovery words are in") {
			t.Errorf("words of an account that is not there were shown: %s", said)
		}
		w.left.Store(enough)
		if code, said := w.run("desk", env, "login", "--user", "alice", "--remote", "test:"); code == command.ExitDone {
			t.Errorf("a half-made account was passed over: %s", said)
		}
		said = w.must("desk", env, "init", "--user", "alice", "--remote", "test:")
		if !strings.Contains(said, "recovery words are in") {
			t.Errorf("no words: %s", said)
		}
		w.must("laptop", env, "login", "--user", "alice", "--remote", "test:")
		w.must("desk", nil, "inspect", "/files")
		w.must("laptop", nil, "inspect", "/files")
		return false
	})
}

// TestPasswdInterrupted interrupts a change of passphrase at every write. There is always one that works, and
// a second run leaves only the new one.
func TestPasswdInterrupted(t *testing.T) {
	const before, after = "old and dusty piano", "new and shiny trumpet"
	old, fresh := phrase("POSTERN_PASSPHRASE", before), phrase("POSTERN_PASSPHRASE", after)
	change := phrase("POSTERN_PASSPHRASE", before, "POSTERN_NEW_PASSPHRASE", after)
	eachWrite(t, func(t *testing.T, writes int64) bool {
		w := newWorld(t)
		w.must("desk", old, "init", "--user", "alice", "--remote", "test:")
		w.left.Store(writes)
		code, _ := w.run("desk", change, "passwd")
		w.left.Store(enough)
		if code == command.ExitDone {
			return true
		}
		w.must("first", old, "login", "--user", "alice", "--remote", "test:")
		w.must("desk", change, "passwd")
		code, said := w.run("second", old, "login", "--user", "alice", "--remote", "test:")
		if code == command.ExitDone || !strings.Contains(said, "newer one") {
			t.Errorf("the old passphrase: %s", said)
		}
		w.must("second", fresh, "login", "--user", "alice", "--remote", "test:")
		return false
	})
}

// TestLoginWritesNothing: a login works at a remote that accepts no writes.
func TestLoginWritesNothing(t *testing.T) {
	env := phrase("POSTERN_PASSPHRASE", "crop nerve zoo lizard abandon")
	w := newWorld(t)
	w.must("desk", env, "init", "--user", "alice", "--remote", "test:")
	w.left.Store(0)
	code, said := w.run("laptop", env, "login", "--user", "alice", "--remote", "test:")
	if code != command.ExitDone {
		t.Errorf("a login writes nothing to the remote, and failed: %s", said)
	}
}
