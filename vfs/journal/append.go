package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path/filepath"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs"
)

// Append writes a record and returns its sequence number; the record is durable when Sync has returned for that number.
// A failed append changes nothing, and later ones may succeed. Errors: vfs.ErrFull, vfs.ErrTooLarge, ErrBroken,
// fs.ErrClosed.
func (j *Journal) Append(op, attachment []byte) (seq uint64, err error) {
	if len(op) > MaxOp || len(attachment) > MaxAttachment {
		return 0, fmt.Errorf("append to journal: %w: %d bytes with %d attached", vfs.ErrTooLarge, len(op), len(attachment))
	}
	b := body{kind: kindRecord, time: j.now().UnixNano(), op: op}
	if len(attachment) > 0 {
		b.name = crypto.NameOf(attachment)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return 0, err
	}
	if f := j.active; f == nil || f.size >= j.max || f.number == math.MaxUint32 {
		if err := j.rotate(); err != nil {
			return 0, err
		}
	}
	f, seq := j.active, j.next
	off := f.size
	size, err := j.write(header{seq: seq}, b, attachment)
	if err != nil {
		return 0, err
	}
	f.next++
	j.next++
	j.live = append(j.live, mark{seq: seq, at: b.time, size: size})
	j.bytes += size
	if len(attachment) > 0 {
		j.attached[b.name] = place{file: f, off: off + size - int64(len(attachment)), size: len(attachment)}
	}
	return seq, nil
}

// write writes one frame at the end of the active file, or nothing.
func (j *Journal) write(h header, b body, attachment []byte) (size int64, err error) {
	f := j.active
	h.number, h.synced = f.number, j.synced
	f.number++ // also when the write fails: a nonce is used once
	j.buf, j.plain = appendFrame(j.buf[:0], j.plain, f.key, h, b, attachment)
	if _, err := f.f.WriteAt(j.buf, f.size); err != nil {
		if cut := f.f.Truncate(f.size); cut != nil {
			_ = j.fail(fmt.Errorf("cut off what an append that failed left: %w", cut))
		}
		return 0, full("append to journal", err)
	}
	f.size += int64(len(j.buf))
	return int64(len(j.buf)), nil
}

// Sync returns when the record seq and all before it are durable. One sync serves all waiting callers. When the context
// ends first, the record may or may not become durable. Errors: ErrBroken, fs.ErrClosed, the context's.
func (j *Journal) Sync(ctx context.Context, seq uint64) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if seq >= j.next && j.broken == nil {
		return fmt.Errorf("sync journal: %w: there is no record %d yet", fs.ErrInvalid, seq)
	}
	for seq > j.synced {
		if err := j.usable(); err != nil {
			return err
		}
		if running := j.syncing; running != nil {
			j.mu.Unlock()
			select {
			case <-running:
				j.mu.Lock()
			case <-ctx.Done():
				j.mu.Lock()
				return ctx.Err()
			}
			continue
		}
		j.lead()
	}
	return nil
}

// lead syncs what was appended so far, for all waiting callers. The caller holds j.mu, which is released during the
// sync.
func (j *Journal) lead() {
	running := make(chan struct{})
	j.syncing = running
	f, last, size := j.active, j.next-1, j.active.size
	j.mu.Unlock()
	err := f.f.Sync()
	j.mu.Lock()
	j.syncing = nil
	close(running)
	switch {
	case err == nil:
		j.synced = max(j.synced, last)
		if f == j.active {
			j.safe = max(j.safe, size)
		}
	case last > j.synced: // otherwise rotate has synced the file in the meantime, and Trim may have closed it
		_ = j.fail(fmt.Errorf("sync journal: %w", err))
	}
}

// rotate makes the active file durable and begins the next. So only the newest file may ever be incomplete.
func (j *Journal) rotate() error {
	if n := len(j.files); n > 0 {
		f := j.files[n-1]
		if f.next == f.first { // empty: the new file takes its name
			f.f.Close()
			j.files, j.active = j.files[:n-1], nil
		} else if f == j.active {
			if err := f.f.Sync(); err != nil {
				return j.fail(fmt.Errorf("sync journal: %w", err))
			}
			j.synced, j.safe = j.next-1, f.size
		}
	}
	f, err := j.begin()
	if err != nil {
		return err
	}
	j.active, j.safe = f, f.size
	j.files = append(j.files, f)
	return nil
}

// begin makes the file that holds j.next. The file gets its name once it is durable, so a file with a name has a
// complete header.
func (j *Journal) begin() (*file, error) {
	const op = "begin a journal file"
	temp, k, err := j.create(op, j.next, j.run, nil)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(j.dir, fileName(j.next))
	if err := j.fs.Rename(temp, path); err != nil {
		_ = j.fs.Remove(temp) // the next begin, or the next start, removes it
		return nil, full(op, err)
	}
	if err := j.fs.SyncDir(j.dir); err != nil {
		return nil, j.fail(fmt.Errorf("%s: %w", op, err))
	}
	h, err := j.fs.Open(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", op, err)
	}
	return &file{path: path, f: h, key: k, run: j.run, first: j.next, next: j.next, size: headerSize, number: 1}, nil
}

// create makes a durable file under its temporary name: a header, and what fill appends, unless fill is nil.
func (j *Journal) create(
	op string, first uint64, run Run, fill func(h localfs.File, k crypto.FrameKey) error,
) (temp string, k crypto.FrameKey, err error) {
	var salt [32]byte
	if _, err := io.ReadFull(j.rand, salt[copy(salt[:], run[:]):]); err != nil {
		return "", k, fmt.Errorf("%s: no random bytes: %w", op, err)
	}
	temp = filepath.Join(j.dir, fileName(first)) + tempSuffix
	if err := j.fs.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", k, fmt.Errorf("%s: %w", op, err)
	}
	h, err := j.fs.Create(temp)
	if err != nil {
		return "", k, full(op, err)
	}
	k = j.key(salt)
	_, err = h.WriteAt(appendFileHeader(nil, k, first, salt), 0)
	if err == nil && fill != nil {
		err = fill(h, k)
	}
	if err == nil {
		// A full disk allows another attempt with a new file, because nothing in this one was acknowledged. A failed sync
		// does not.
		if err = h.Sync(); err != nil && !localfs.IsFull(err) {
			_ = h.Close()
			return "", k, j.fail(fmt.Errorf("%s: %w", op, err))
		}
	}
	if err = errors.Join(err, h.Close()); err != nil { // some systems can't rename an open file
		_ = j.fs.Remove(temp)
		return "", k, full(op, err)
	}
	return temp, k, nil
}

// end marks a clean end, so that damage to any record of the file can later be distinguished from an interrupted write.
// A failure here is harmless.
func (j *Journal) end() error {
	if f := j.active; f != nil && f.next > f.first && f.number < math.MaxUint32 {
		if _, err := j.write(header{seq: j.next}, body{kind: kindEnd, time: j.now().UnixNano()}, nil); err == nil {
			return f.f.Sync()
		}
	}
	return nil
}

func (j *Journal) usable() error {
	if j.closed {
		return fmt.Errorf("journal: %w", fs.ErrClosed)
	}
	return j.broken
}

// fail makes the journal reject everything from now on, and removes records that were not acknowledged: their callers
// get an error, so a restart must not find them.
func (j *Journal) fail(cause error) error {
	if j.broken != nil {
		return j.broken
	}
	j.broken = fmt.Errorf("%w: %w", ErrBroken, cause)
	j.log.Error("the journal failed and accepts no more changes", "error", cause)
	if f := j.active; f != nil && f.size > j.safe {
		if err := errors.Join(f.f.Truncate(j.safe), f.f.Sync()); err != nil {
			j.log.Error(
				"changes that were answered with an error could not be cut off the journal, and may be there after a restart",
				"file", f.path, "byte", j.safe, "error", err)
		}
		f.size, f.next = j.safe, j.synced+1
	}
	j.next = j.synced + 1
	for n := len(j.live); n > 0 && j.live[n-1].seq > j.synced; n-- {
		j.bytes -= j.live[n-1].size
		j.live = j.live[:n-1]
	}
	return j.broken
}

// full maps the system's error for a full disk to vfs.ErrFull.
func full(op string, err error) error {
	if localfs.IsFull(err) {
		return fmt.Errorf("%s: %w: %w", op, vfs.ErrFull, err)
	}
	return fmt.Errorf("%s: %w", op, err)
}
