package commit

import (
	"errors"
	"fmt"
	"time"

	"postern/remote"
)

// Status is what a committer reports of itself.
type Status struct {
	Commits      uint64    // made by this process
	BlobsPut     uint64    // by this process's commits
	BytesPut     uint64    // by this process's commits
	LastCommit   time.Time // of this process; zero for none
	CommitFailed string    // why the newest attempt failed; empty when it went well
	Full         bool      // the newest attempt failed since the remote has no room
	Failures     uint64    // failed attempts of this process

	Lost         int       // blobs that changes made here refer to, and that were collected while this device was away
	OfflineSince time.Time // since when the remote could not be reached; zero when it can
	Blocked      string    // why no changes are taken: the remote shows an old or another state; empty when they are
	Copied       time.Time // when another copy of this home was noticed; zero when there is none
}

// Status returns how committing goes. It never waits for the remote.
func (c *Committer) Status() Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stats
}

// note keeps the outcome of an attempt for Status, and wakes those who wait for it.
func (c *Committer) note(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer c.wake()
	if err == nil {
		if !c.stats.OfflineSince.IsZero() || c.stats.Blocked != "" {
			c.home.Log.Info("the remote is back")
		}
		c.stats.CommitFailed, c.stats.OfflineSince, c.stats.Blocked, c.stats.Full = "", time.Time{}, "", false
		c.copy.Unblock()
		return
	}
	if c.stats.CommitFailed == "" {
		c.home.Log.Warn("the remote could not be brought up to date; this is tried again", "error", err)
	}
	c.stats.CommitFailed = plainly(err)
	c.stats.Full = errors.Is(err, remote.ErrFull)
	c.stats.Failures++
	if !errors.Is(err, remote.ErrUnavailable) {
		c.stats.OfflineSince = time.Time{} // it answered
	}
	switch {
	case errors.Is(err, remote.ErrRollback), errors.Is(err, remote.ErrFork):
		c.stats.Blocked = plainly(err)
		c.copy.Block(err)
	case errors.Is(err, remote.ErrUnavailable) && c.stats.OfflineSince.IsZero():
		c.stats.OfflineSince = c.home.Now()
	}
}

// noteCopied tells the user, once.
func (c *Committer) noteCopied() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stats.Copied.IsZero() {
		return
	}
	c.stats.Copied = c.home.Now()
	c.home.Log.Warn("this home was put back from an older copy, or is in use in another place too; nothing is lost, but on another machine "+
		"use postern login instead of a copy of the home", "home", c.home.Dir)
}

// noteDone wakes those who wait for changes up to seq.
func (c *Committer) noteDone(seq uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = max(c.done, seq)
	c.wake()
}

// wake wakes those who wait for a change of done or stats. It holds mu.
func (c *Committer) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

func (c *Committer) committed() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// plainly returns the substance of a remote's failure: its kind and the first cause, without the operation and the blob.
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
		return kind // where there is no room, the cause says only that again
	}
	return fmt.Sprintf("%s: %v", kind, found.Err)
}
