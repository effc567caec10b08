package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"postern/vfs"
)

// Trim drops the records up to seq, which a landed commit holds. It removes files without later records, oldest first;
// their attachments can no longer be read. Records that share a file with later ones stay on the disk, and Replay shows
// them again after a restart. Errors: ErrBroken, fs.ErrClosed, the system's; even then later records are untouched and
// the next Trim continues.
func (j *Journal) Trim(seq uint64) error {
	j.trimming.Lock()
	defer j.trimming.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return err
	}
	seq = min(seq, j.next-1)
	j.trimmed = max(j.trimmed, seq)
	n := 0
	for n < len(j.live) && j.live[n].seq <= j.trimmed {
		j.bytes -= j.live[n].size
		n++
	}
	if j.live = j.live[n:]; len(j.live) == 0 {
		j.live = nil
	}
	if err := j.removeOld(); err != nil {
		return err
	}
	if !j.worthRotating() {
		return nil
	}
	if err := j.rotate(); err != nil {
		if errors.Is(err, vfs.ErrFull) {
			j.log.Warn("no room to begin a journal file; the old one is kept until the next commit", "error", err)
			return nil
		}
		return err
	}
	return j.removeOld()
}

// Skip gives the next record a number above seq, because a commit says that it holds the records up to seq. It does
// nothing if the next number is above seq already. Otherwise the journal's records are older than that commit, because
// the journal was moved away or restored from a backup, and Skip drops them. Call it after Replay and before the first
// Append. Errors: ErrBroken, fs.ErrClosed, the system's.
func (j *Journal) Skip(seq uint64) error {
	j.trimming.Lock()
	defer j.trimming.Unlock()
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil || j.next > seq {
		return err
	}
	for len(j.files) > 0 {
		f := j.files[0]
		f.f.Close() // before the removal, which some systems reject for an open file
		if err := j.fs.Remove(f.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return j.fail(fmt.Errorf("drop an old journal: %w", err)) // the file is closed
		}
		j.files = j.files[1:]
		if err := j.fs.SyncDir(j.dir); err != nil { // one by one, so that there is never a gap
			return j.fail(fmt.Errorf("drop an old journal: %w", err))
		}
	}
	j.active, j.live, j.bytes = nil, nil, 0
	clear(j.attached)
	j.next, j.synced, j.trimmed = seq+1, seq, seq
	return nil
}

// worthRotating reports whether beginning another file allows removing the newest, now or soon.
func (j *Journal) worthRotating() bool {
	if len(j.files) == 0 {
		return false
	}
	f := j.files[len(j.files)-1]
	switch {
	case f.next == f.first || f.first > j.trimmed: // it is empty, or none of it is trimmed
		return false
	case f.next-1 <= j.trimmed:
		return true
	default:
		return f.size >= trimRotate
	}
}

// removeOld removes files, except the newest, whose records are all trimmed. Each removal is durable before the next,
// so that a crash never leaves a gap. The caller holds j.mu, which is released during disk operations.
func (j *Journal) removeOld() error {
	for len(j.files) > 1 && j.files[0].next-1 <= j.trimmed {
		f := j.files[0]
		for name, at := range j.attached {
			if at.file == f {
				delete(j.attached, name)
			}
		}
		j.mu.Unlock()
		f.f.Close() // before the removal, which some systems reject for an open file
		err := j.fs.Remove(f.path)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		if err == nil {
			err = j.fs.SyncDir(j.dir)
		}
		j.mu.Lock()
		if err != nil {
			return fmt.Errorf("trim journal: %w", err)
		}
		j.files = j.files[1:]
	}
	return nil
}
