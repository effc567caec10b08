package space

import (
	"context"
	"time"

	"postern/vfs"
	"postern/vfs/space/working"
)

// PutLate stores a file like an upload whose MD5 was skipped.
func (s *Space) PutLate(ctx context.Context, path string, body []byte) error {
	up, err := s.Create(ctx, path)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := up.Write(body); err != nil {
		return err
	}
	u := up.(*upload)
	if u.result, err = u.writer.Finish(); err != nil {
		return err
	}
	u.result.Sums.MD5 = [16]byte{}
	if err := u.batch.Seal(ctx); err != nil {
		return err
	}
	_, seq, err := s.record(ctx, working.Change{Op: u.put(vfs.CommitOptions{}), Blobs: u.batch.Names()})
	if err != nil {
		return err
	}
	u.batch.Done()
	u.done = true
	return s.settle(ctx, seq)
}

// Transfer acts like a client's transfer on missing MD5s: they wait until end is called.
func (s *Space) Transfer() (end func()) {
	s.late.SetYield(time.Hour)
	s.late.Transfer()
	return s.late.End
}
