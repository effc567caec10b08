package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"postern/remote/localfs"
)

const (
	fileSuffix = ".journal"
	tempSuffix = ".tmp"
)

// fileName sorts by first record.
func fileName(first uint64) string { return fmt.Sprintf("%020d%s", first, fileSuffix) }

func parseFileName(name string) (first uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, fileSuffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	first, err := strconv.ParseUint(digits, 10, 64)
	return first, err == nil
}

// load reads the files and repairs what an interrupted write left.
func (j *Journal) load() error {
	if err := j.fs.MkdirAll(j.dir); err != nil {
		return err
	}
	list, err := j.fs.List(j.dir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name, fileSuffix+tempSuffix) {
			if err := j.fs.Remove(filepath.Join(j.dir, e.Name)); err != nil {
				return fmt.Errorf("remove an unfinished file: %w", err)
			}
			continue
		}
		if first, ok := parseFileName(e.Name); ok {
			if err := j.openFile(e.Name, first, e.Size); err != nil {
				return err
			}
		}
	}
	for i, f := range j.files {
		if i > 0 && f.first != j.next {
			return damaged(f, 0, fmt.Sprintf("begins with record %d, but the file before it ends before record %d",
				f.first, j.next))
		}
		j.next = f.first
		if err := j.loadFile(f, i == len(j.files)-1); err != nil {
			return err
		}
	}
	j.synced = j.next - 1
	return nil
}

func (j *Journal) openFile(name string, first uint64, size int64) error {
	f := &file{path: filepath.Join(j.dir, name), size: size}
	var err error
	if f.f, err = j.fs.Open(f.path); err != nil {
		return err
	}
	j.files = append(j.files, f)
	head := make([]byte, headerSize)
	if n, err := f.f.ReadAt(head, 0); n < len(head) {
		if size < headerSize {
			return damaged(f, 0, "is too short")
		}
		return err
	}
	if f.first, f.run, f.key, err = parseFileHeader(head, j.key); err != nil {
		return damaged(f, 0, err.Error())
	}
	if f.first != first {
		return damaged(f, 0, fmt.Sprintf("begins with record %d, which is not what its name says", f.first))
	}
	f.next = f.first
	return nil
}

// loadFile reads a file's records. The newest file may end in the middle of a write.
func (j *Journal) loadFile(f *file, newest bool) error {
	end, bad, err := f.scan(f.size, func(fr frame) error {
		switch fr.kind {
		case kindGap:
			f.next = fr.after()
			return nil
		case kindEnd:
			return nil
		}
		f.next++
		j.live = append(j.live, mark{seq: fr.seq, at: fr.time, size: fr.size()})
		j.bytes += fr.size()
		if fr.attached > 0 {
			j.attached[fr.name] = place{file: f, off: fr.off + fr.size() - int64(fr.attached), size: fr.attached}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read %s: %w", f.path, err)
	}
	j.next = f.next
	if bad != nil {
		if !newest {
			return damaged(f, end, bad.Error())
		}
		at, found, err := f.acknowledged(end, f.size, f.next)
		if err != nil {
			return err
		}
		if found {
			return damaged(f, end, fmt.Sprintf("%v, and valid later records begin at byte %d", bad, at))
		}
		if err := j.cut(f, end, bad); err != nil {
			return fmt.Errorf("mend %s: %w", f.path, err)
		}
	}
	f.size = end
	if newest {
		// Records of a killed process may be in memory only, and are about to become visible.
		if err := f.f.Sync(); err != nil {
			return fmt.Errorf("sync %s: %w", f.path, err)
		}
		return j.fs.SyncDir(j.dir)
	}
	return nil
}

// cut removes what an interrupted write left at the end of a file, and keeps a copy aside. The records were never
// acknowledged, but must not be discarded unseen.
func (j *Journal) cut(f *file, end int64, bad error) error {
	aside := fmt.Sprintf("%s.torn-%d", f.path, end)
	err := j.copyTail(f, end, aside)
	switch {
	case err == nil:
		j.log.Warn("the journal ended in an unfinished write, which was never acknowledged; it was cut off and kept aside",
			"file", f.path, "byte", end, "bytes", f.size-end, "aside", aside, "reason", bad.Error())
	case localfs.IsFull(err):
		_ = j.fs.Remove(aside) // an incomplete copy is useless; the cut must go on, or a full disk would prevent the start
		j.log.Warn("the journal ended in an unfinished write, which was never acknowledged; it was cut off, and there is "+
			"no room to keep it",
			"file", f.path, "byte", end, "bytes", f.size-end, "reason", bad.Error())
	default:
		return err
	}
	return f.f.Truncate(end)
}

func (j *Journal) copyTail(f *file, from int64, to string) error {
	if err := j.fs.Remove(to); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	out, err := j.fs.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	buf := make([]byte, scanBuffer)
	for off := from; off < f.size; off += int64(len(buf)) {
		buf = buf[:min(int64(len(buf)), f.size-off)]
		if n, err := f.f.ReadAt(buf, off); n < len(buf) {
			return err
		}
		if _, err := out.WriteAt(buf, off-from); err != nil {
			return err
		}
	}
	if err := out.Sync(); err != nil {
		return err
	}
	return j.fs.SyncDir(j.dir)
}

func damaged(f *file, off int64, what string) error {
	return fmt.Errorf("%w: %s at byte %d %s; restore the file from a backup, or move it and the later ones out of the "+
		"folder to start without their changes",
		ErrDamaged, f.path, off, what)
}

func (j *Journal) closeFiles() {
	for _, f := range j.files {
		f.f.Close()
	}
}
