package commit

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"postern/remote"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
)

// Status describes the progress of a committer.
type Status struct {
	Commits      uint64    // made by this process
	BlobsPut     uint64    // by this process's commits
	BytesPut     uint64    // bytes put by this process's commits
	LastCommit   time.Time // of this process; zero for none
	CommitFailed string    // why the newest attempt failed; empty when it succeeded
	Full         bool      // the newest attempt failed because the remote is full
	Failures     uint64    // failed attempts of this process

	Lost         int       // blobs that changes made here refer to, and that were collected while this device was away
	OfflineSince time.Time // since when the remote is unreachable; zero when it is reachable
	// why changes are rejected: the remote shows an old or a forked state; empty when they are accepted
	Blocked string
	Copied  time.Time // when another copy of this home was noticed; zero when there is none
}

// progress is the progress of committing, for callers that wait for it.
type progress struct {
	home *local.Home
	copy *working.Copy

	mu      sync.Mutex
	stats   Status
	done    uint64        // the newest committed change
	changed chan struct{} // closed and made anew whenever done or stats change
}

// Status returns the progress of committing. It never waits for the remote.
func (p *progress) Status() Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stats
}

// note stores the outcome of an attempt for Status, and wakes the waiting callers.
func (p *progress) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.wake()
	if err == nil {
		if !p.stats.OfflineSince.IsZero() || p.stats.Blocked != "" {
			p.home.Log.Info("the remote is back")
		}
		p.stats.CommitFailed, p.stats.OfflineSince, p.stats.Blocked, p.stats.Full = "", time.Time{}, "", false
		p.copy.Unblock()
		return
	}
	if p.stats.CommitFailed == "" {
		p.home.Log.Warn("the remote could not be brought up to date; this is tried again", "error", err)
	}
	p.stats.CommitFailed = plainly(err)
	p.stats.Full = errors.Is(err, remote.ErrFull)
	p.stats.Failures++
	if !errors.Is(err, remote.ErrUnavailable) {
		p.stats.OfflineSince = time.Time{} // the remote answered
	}
	switch {
	case errors.Is(err, remote.ErrRollback), errors.Is(err, remote.ErrFork):
		p.stats.Blocked = plainly(err)
		p.copy.Block(err)
	case errors.Is(err, errWithdrawn):
		p.copy.Block(err)
	case errors.Is(err, remote.ErrUnavailable) && p.stats.OfflineSince.IsZero():
		p.stats.OfflineSince = p.home.Now()
	}
}

// noteCopied logs and stores, once, that another copy of this home exists.
func (p *progress) noteCopied() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stats.Copied.IsZero() {
		return
	}
	p.stats.Copied = p.home.Now()
	p.home.Log.Warn("this home was put back from an older copy, or is in use in another place too; "+
		"nothing is lost, but on another machine use postern login instead of a copy of the home", "home", p.home.Dir)
}

// noteDone wakes the callers that wait for changes up to seq.
func (p *progress) noteDone(seq uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = max(p.done, seq)
	p.wake()
}

// wake wakes the callers that wait for a change of done or stats. The caller holds mu.
func (p *progress) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *progress) committed() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// plainly returns the core of a remote's failure: its kind and the first cause, without the operation and the blob.
func plainly(err error) string {
	var found *remote.Error
	for e, ok := errors.AsType[*remote.Error](err); ok; e, ok = errors.AsType[*remote.Error](e.Err) {
		found = e
	}
	if found == nil {
		return err.Error()
	}
	kind := found.Kind.Error()
	if found.Err == nil || errors.Is(err, remote.ErrFull) {
		return kind // for a full remote, the cause only repeats the kind
	}
	return fmt.Sprintf("%s: %v", kind, found.Err)
}
