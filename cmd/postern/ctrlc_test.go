package main

import (
	"context"
	"errors"
	"iter"
	"strings"
	"sync/atomic"
	"testing"

	"postern/cmd/postern/command"
	"postern/remote"
)

// TestInterrupted: a command that the user ends says so and nothing else, however far it was; run again it does all of
// its work.
func TestInterrupted(t *testing.T) {
	w := newWorld(t)
	w.must("desk", phrase("POSTERN_PASSPHRASE", "crop nerve zoo lizard abandon"), "init", "--user", "alice", "--remote",
		"test:")
	w.must("desk", nil, "bundle", "export", w.folder+"/whole.bundle")
	for _, line := range []string{
		"fsck", "fsck --read-data --repair", "gc", "gc --dry-run", "remote copy test: disk:$HERE/copy",
		"bundle export $HERE/a.bundle",
		"bundle import --remote test: $HERE/whole.bundle", "remote check test:", "history list", "inspect /files", "flush",
	} {
		t.Run(line, func(t *testing.T) {
			before := blobs(t, w.shared.List(t.Context()))
			args := strings.Fields(strings.ReplaceAll(line, "$HERE", w.folder))
			for calls := int64(1); ; calls *= 2 {
				ctx, end := context.WithCancelCause(t.Context())
				var left atomic.Int64
				left.Store(calls)
				w.called = func() {
					if left.Add(-1) == 0 {
						end(errors.New("a key was pressed"))
					}
				}
				code, said := w.runUntil(ctx, "desk", nil, args...)
				w.called = nil
				if left.Load() > 0 {
					if code != command.ExitDone {
						t.Errorf("undisturbed: %d %s", code, said)
					}
					break
				}
				lines := strings.Split(strings.TrimSpace(said), "\n")
				last := lines[len(lines)-1]
				if code != command.ExitDone && (code != command.ExitFailed ||
					!strings.HasSuffix(last, " was interrupted before it was done: run it again") ||
					strings.Contains(said, "BROKEN")) {
					t.Errorf("ended in call %d: %d %s", calls, code, said)
				}
			}
			if after := blobs(t, w.shared.List(t.Context())); after > before {
				t.Errorf("%d blobs were left behind", after-before)
			}
		})
	}
}

// blobs counts a listing.
func blobs(t *testing.T, list iter.Seq2[remote.BlobInfo, error]) (n int) {
	t.Helper()
	for _, err := range list {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	return n
}
