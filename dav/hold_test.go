package dav_test

import (
	"context"
	"testing"
	"testing/synctest"

	"postern/dav"
	"postern/vfs"
)

// pausing is a drive that stops between a change's condition and the change.
type pausing struct {
	vfs.FS
	pause func()
}

func (p *pausing) between(ctx context.Context, cond vfs.Cond) error {
	if cond != nil {
		if err := cond(ctx, p.FS); err != nil {
			return err
		}
	}
	p.pause()
	return nil
}

func (p *pausing) Create(ctx context.Context, path string) (vfs.Upload, error) {
	up, err := p.FS.Create(ctx, path)
	return pausingUpload{up, p}, err
}

type pausingUpload struct {
	vfs.Upload
	p *pausing
}

func (u pausingUpload) Commit(ctx context.Context, o vfs.CommitOptions) (vfs.Info, bool, error) {
	if err := u.p.between(ctx, o.Cond); err != nil {
		return vfs.Info{}, false, err
	}
	o.Cond = nil
	return u.Upload.Commit(ctx, o)
}

func (p *pausing) Mkdir(ctx context.Context, path string, cond vfs.Cond) error {
	if err := p.between(ctx, cond); err != nil {
		return err
	}
	return p.FS.Mkdir(ctx, path, nil)
}

func (p *pausing) Remove(ctx context.Context, path string, cond vfs.Cond) error {
	if err := p.between(ctx, cond); err != nil {
		return err
	}
	return p.FS.Remove(ctx, path, nil)
}

func (p *pausing) Move(ctx context.Context, from, to string, o vfs.CopyOptions) (bool, error) {
	if err := p.between(ctx, o.Cond); err != nil {
		return false, err
	}
	o.Cond = nil
	return p.FS.Move(ctx, from, to, o)
}

func (p *pausing) Patch(ctx context.Context, path string, change vfs.Patch, cond vfs.Cond) error {
	if err := p.between(ctx, cond); err != nil {
		return err
	}
	return p.FS.Patch(ctx, path, change, nil)
}

// TestLockWaitsForChangesUnderWay: a change that was allowed before a LOCK request lands before the lock is granted, so
// that nothing changes under its holder; a lock elsewhere waits for nothing.
func TestLockWaitsForChangesUnderWay(t *testing.T) {
	tests := []struct {
		method, target, body string
		headers              []string
		lock                 string
		waits                bool
	}{
		{"PUT", "/files/f", "x", nil, "/files/f", true},
		{"PUT", "/files/new", "x", nil, "/files", true},
		{"PUT", "/files/f", "x", nil, "/files/g", false},
		{"PROPPATCH", "/files/f", patch("<x:p/>"), nil, "/files/f", true},
		{"PROPPATCH", "/files/f", patch("<x:p/>"), nil, "/files/g", false},
		{"MKCOL", "/files/dir/new", "", nil, "/files/dir", true},
		{"DELETE", "/files/dir", "", nil, "/files/dir/in", true},
		{"DELETE", "/files/f", "", nil, "/files/dir/in", false},
		{"MOVE", "/files/dir", "", []string{"Destination: /files/other"}, "/files/dir/in", true},
		{"MOVE", "/files/f", "", []string{"Destination: /files/g"}, "/files/g", true},
		{"MOVE", "/files/f", "", []string{"Destination: /files/g"}, "/files/dir/in", false},
	}
	for _, tt := range tests {
		t.Run(tt.method+tt.target+" "+tt.lock, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDrive(t, "/files/f", "/files/g", "/files/dir/", "/files/dir/in")
				granted, paused := false, false
				p := &pausing{FS: d.fs}
				p.pause = func() {
					if paused {
						return // the lock's own empty file
					}
					paused = true
					go func() {
						d.lock(tt.lock)
						granted = true
					}()
					synctest.Wait()
					if granted == tt.waits {
						t.Errorf("during the change the lock is granted: %v", granted)
					}
				}
				h, err := dav.New(p, dav.Options{})
				if err != nil {
					t.Fatal(err)
				}
				d.h = h
				if a := d.do(tt.method, tt.target, tt.body, tt.headers...); a.code >= 300 {
					t.Errorf("%d: %s", a.code, a.body)
				}
				synctest.Wait()
				if !paused || !granted {
					t.Errorf("after the change the lock is granted: %v", granted)
				}
			})
		})
	}
}
