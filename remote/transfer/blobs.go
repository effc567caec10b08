package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// maxLostNames bounds the names in a Lost; a check of the whole account lists all of them.
const maxLostNames = 100

// Lost is the error of a source that lacks blobs. All other blobs were copied; no pointer was moved.
type Lost struct {
	Missing, Damaged int64
	Names            []crypto.BlobName // the first hundred
}

// Error says how many blobs are lost and how to continue.
func (l *Lost) Error() string {
	return fmt.Sprintf("%d blobs are missing and %d are damaged at the source, so no pointer was moved: "+
		"if it was being cleaned up meanwhile, copy again; if not, repair it first", l.Missing, l.Damaged)
}

// Is implements errors.Is: a Lost is ErrCorrupt if a blob is damaged, else ErrNotFound.
func (l *Lost) Is(kind error) bool {
	return kind == remote.ErrCorrupt && l.Damaged > 0 || kind == remote.ErrNotFound && l.Missing > 0
}

// copier is the state of one Copy.
type copier struct {
	from, to remote.Store
	o        Options
	totals   bool // they are shown
	all      []wanted

	mu   sync.Mutex
	at   Progress
	lost Lost
}

// report updates the progress and passes it on.
func (c *copier) report(note func(at *Progress)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	note(&c.at)
	c.o.Progress(c.at)
}

// blob copies one blob unless the destination has it.
func (c *copier) blob(ctx context.Context, w wanted) error {
	name, size, have := w.Name, w.Size, w.have
	if size < 0 {
		var err error
		if size, err = c.from.Stat(ctx, name); err != nil {
			return c.unless(name, err)
		}
	}
	if have == unasked {
		var err error
		if have, err = SizeAt(ctx, c.to, name); err != nil {
			return err
		}
	}
	if have == size {
		good, err := true, error(nil)
		if c.o.ReadBack {
			if good, err = Intact(ctx, c.to, name); err != nil {
				return err
			}
		}
		if good {
			c.report(func(at *Progress) { at.Skipped++; at.SkippedBytes += size })
			return nil
		}
	}
	data, err := Fetch(ctx, c.from, name)
	if err != nil {
		return c.unless(name, err)
	}
	if err := Place(ctx, c.to, name, data, have, c.o.ReadBack); err != nil {
		return err
	}
	c.report(func(at *Progress) { at.Copied++; at.CopiedBytes += int64(len(data)) })
	return nil
}

// unless returns an error of the source, unless the error concerns only this blob.
func (c *copier) unless(name crypto.BlobName, err error) error {
	missing := remote.OfKind(err, remote.ErrNotFound)
	if !missing && !remote.OfKind(err, remote.ErrCorrupt) {
		return err
	}
	c.o.Log.Warn("a blob cannot be copied", "blob", name.String(), "err", err)
	c.report(func(at *Progress) {
		if missing {
			at.Missing++
		} else {
			at.Damaged++
		}
		c.lost.Missing, c.lost.Damaged = at.Missing, at.Damaged
		if len(c.lost.Names) < maxLostNames {
			c.lost.Names = append(c.lost.Names, name)
		}
	})
	return nil
}

// errName is the error of bytes that do not fit their name.
var errName = errors.New("its bytes do not hash to its name")

// Fetch gets a blob and verifies its name. Errors: those of Get, and ErrCorrupt.
func Fetch(ctx context.Context, from remote.Blobs, name crypto.BlobName) ([]byte, error) {
	data, err := from.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	if len(data) > crypto.MaxBlobSize || crypto.NameOf(data) != name {
		return nil, remote.Fail(remote.OpGet, name, remote.ErrCorrupt, errName)
	}
	return data, nil
}

// SizeAt returns the size of a blob, or -1 if the blob is missing or has an impossible size.
func SizeAt(ctx context.Context, at remote.Blobs, name crypto.BlobName) (int64, error) {
	size, err := at.Stat(ctx, name)
	if remote.OfKind(err, remote.ErrNotFound, remote.ErrCorrupt) {
		return -1, nil
	}
	if err != nil {
		return -1, err
	}
	return size, nil
}

// Place puts a blob whose bytes fit its name. have is the size found there, -1 for none: a blob of another size is
// damaged and is replaced, by force if the store otherwise keeps existing blobs. readBack reads the blob back and
// compares its bytes.
func Place(ctx context.Context, to remote.Blobs, name crypto.BlobName, data []byte, have int64, readBack bool) error {
	if have == int64(len(data)) && !readBack {
		return nil
	}
	if err := to.Put(ctx, name, remote.BytesBody(data)); err != nil {
		return err
	}
	if have < 0 && !readBack {
		return nil
	}
	for range 2 {
		good, err := holds(ctx, to, name, int64(len(data)), readBack)
		if err != nil || good {
			return err
		}
		if err := to.Delete(ctx, name); err != nil {
			return err
		}
		if err := to.Put(ctx, name, remote.BytesBody(data)); err != nil {
			return err
		}
	}
	return remote.Fail(remote.OpPut, name, remote.ErrCorrupt,
		errors.New("the destination has other bytes than were put there"))
}

// holds reports whether a blob is there, by its size or by its bytes.
func holds(ctx context.Context, at remote.Blobs, name crypto.BlobName, size int64, bytes bool) (bool, error) {
	if bytes {
		return Intact(ctx, at, name)
	}
	have, err := SizeAt(ctx, at, name)
	return have == size, err
}

// Intact reports whether a blob is there with the bytes of its name. Errors: those of Get, except ErrNotFound and
// ErrCorrupt.
func Intact(ctx context.Context, at remote.Blobs, name crypto.BlobName) (bool, error) {
	_, err := Fetch(ctx, at, name)
	if remote.OfKind(err, remote.ErrNotFound, remote.ErrCorrupt) {
		return false, nil
	}
	return err == nil, err
}
