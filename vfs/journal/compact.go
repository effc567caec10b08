package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"postern/crypto"
	"postern/remote/localfs"
)

// Compact drops records that nobody needs from the middle of the journal, where Trim can't: a record before them is
// still needed. It writes the files anew that hold such records, without them; all other records keep their numbers. It
// leaves alone the newest file, and files with a record from the number before on. needed reports whether a record is
// needed. Errors: ErrBroken, fs.ErrClosed, vfs.ErrFull, the system's; the needed records are untouched even then, and a
// later call continues.
func (j *Journal) Compact(before uint64, needed func(seq uint64) bool) error {
	j.trimming.Lock() // so that no file is removed meanwhile
	defer j.trimming.Unlock()
	if !j.replaying.TryLock() {
		return nil // a later call will do; a replay must not wait for the disk
	}
	defer j.replaying.Unlock()
	j.mu.Lock()
	err := j.usable()
	if err == nil && j.active != nil && j.active.size >= min(trimRotate, j.bytes/2) {
		err = j.rotate()
	}
	files := slices.Clone(j.files)
	j.mu.Unlock()
	if err != nil {
		return err
	}
	for _, f := range files[:max(len(files)-1, 0)] {
		if f.next > before {
			break
		}
		if err := j.compact(f, needed); err != nil {
			return err
		}
	}
	return nil
}

// rewritten is what a compaction writes in the place of a file.
type rewritten struct {
	file
	places  map[crypto.BlobName]place // where the attachments lie
	dropped map[uint64]bool
}

// compact writes one file anew, unless all of its records are needed.
func (j *Journal) compact(f *file, needed func(seq uint64) bool) error {
	const op = "write a journal file anew"
	unneeded := false
	_, bad, err := f.scan(f.size, func(fr frame) error {
		unneeded = unneeded || fr.kind == kindRecord && !needed(fr.seq)
		return nil
	})
	if bad != nil {
		return damaged(f, 0, bad.Error())
	}
	if err != nil || !unneeded {
		return err
	}
	r := &rewritten{file: *f, places: map[crypto.BlobName]place{}, dropped: map[uint64]bool{}}
	temp, k, err := j.create(op, f.first, f.run, func(h localfs.File, k crypto.FrameKey) error {
		return r.write(h, k, f, needed)
	})
	if err != nil {
		return err
	}
	r.key = k
	j.mu.Lock()
	defer j.mu.Unlock()
	if err := j.usable(); err != nil {
		return errors.Join(err, j.fs.Remove(temp))
	}
	// The file is closed first, because some systems can't replace an open one. Readers wait for mu, or try again.
	f.f.Close()
	err = j.fs.Rename(temp, f.path)
	if err == nil {
		err = j.fs.SyncDir(j.dir)
	}
	if err == nil {
		r.f, err = j.fs.Open(f.path)
	}
	if err != nil {
		return j.fail(fmt.Errorf("%s: %w", op, err))
	}
	j.replace(f, r)
	return nil
}

// write writes the needed frames of a file, and gaps in the place of the others.
func (r *rewritten) write(h localfs.File, k crypto.FrameKey, f *file, needed func(seq uint64) bool) error {
	r.size, r.number = headerSize, 1
	var buf, plain []byte
	put := func(head header, b body, attachment []byte) error {
		head.number = r.number
		r.number++
		buf, plain = appendFrame(buf[:0], plain, k, head, b, attachment)
		_, err := h.WriteAt(buf, r.size)
		r.size += int64(len(buf))
		return err
	}
	gap := uint64(0) // the first of the dropped records that no gap stands for yet; 0: there are none
	stand := func(next uint64, time int64) error {
		if gap == 0 {
			return nil
		}
		b := body{kind: kindGap, time: time, op: binary.BigEndian.AppendUint64(nil, next)}
		head := header{seq: gap, synced: gap - 1}
		gap = 0
		return put(head, b, nil)
	}
	var last int64
	_, bad, err := f.scan(f.size, func(fr frame) error {
		last = fr.time
		drop := fr.kind == kindGap || fr.kind == kindRecord && !needed(fr.seq)
		if drop {
			if gap == 0 {
				gap = fr.seq
			}
			if fr.kind == kindRecord {
				r.dropped[fr.seq] = true
			}
			return nil
		}
		if err := stand(fr.seq, fr.time); err != nil {
			return err
		}
		var attachment []byte
		if fr.attached > 0 {
			attachment = make([]byte, fr.attached)
			if n, err := f.f.ReadAt(attachment, fr.off+fr.size()-int64(fr.attached)); n < len(attachment) {
				return err
			}
		}
		if err := put(fr.header, fr.body, attachment); err != nil {
			return err
		}
		if fr.attached > 0 {
			r.places[fr.name] = place{file: &r.file, off: r.size - int64(fr.attached), size: fr.attached}
		}
		return nil
	})
	if bad != nil {
		return damaged(f, 0, bad.Error())
	}
	if err != nil {
		return err
	}
	return stand(f.next, last)
}

// replace puts a rewritten file in the place of another. The caller holds j.mu.
func (j *Journal) replace(f *file, r *rewritten) {
	j.files[slices.Index(j.files, f)] = &r.file
	for name, at := range j.attached {
		if at.file == f {
			delete(j.attached, name)
		}
	}
	for name, at := range r.places {
		j.attached[name] = at
	}
	j.live = slices.DeleteFunc(j.live, func(m mark) bool {
		if r.dropped[m.seq] {
			j.bytes -= m.size
		}
		return r.dropped[m.seq]
	})
}
