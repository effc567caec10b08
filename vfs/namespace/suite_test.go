package namespace

import (
	"sync/atomic"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/vfstest"
)

// restless is a drive with mounts at several depths, some of which come and go with every operation on its spaces.
type restless struct {
	*Drive
	calls  atomic.Int64
	guests []vfs.FS
}

// newRestless makes the drive with the folders /files/a/b, a mount, and /files/plain, not a mount. Nothing changes
// below these two.
func newRestless(t *testing.T) *restless {
	t.Helper()
	r := &restless{guests: []vfs.FS{newSpace(), newSpace()}}
	space := func() vfs.FS {
		return view{vfstest.NewModel(vfstest.ModelOptions{Fail: func(_, _ string) error { r.turn(); return nil }}), "/files"}
	}
	r.Drive = New(Options{Made: time.Unix(1, 0)}, map[string]vfs.FS{"/files": space(), "/shared": Folder(mounted)})
	must(t, r.Mkdir(t.Context(), "/files/a", nil))
	must(t, r.Mkdir(t.Context(), "/files/plain", nil))
	must(t, r.Mount("/files/a/b", space()))
	return r
}

// turn changes the mounts around the two folders.
func (r *restless) turn() {
	if r.Drive == nil {
		return
	}
	n := r.calls.Add(1)
	path := []string{"/shared/x", "/files/a/c", "/other", "/files/guest"}[n/2%4]
	if n%2 == 0 {
		_ = r.Mount(path, r.guests[n/8%2]) // the paths are valid
	} else {
		_ = r.Unmount(path) // it may not be mounted
	}
}

// rebased shows a folder of a drive as the folder /files of another drive.
func rebased(fs vfs.FS, folder string) vfs.FS {
	return New(Options{Made: time.Unix(1, 0)}, map[string]vfs.FS{"/files": view{fs, folder}})
}

// TestContractNested checks that a mount below a mount and a folder beside one keep the contract, while other mounts
// come and go.
func TestContractNested(t *testing.T) {
	for _, folder := range []string{"/files/a/b", "/files/plain"} {
		t.Run(folder, func(t *testing.T) {
			vfstest.Run(t, func(t *testing.T) vfs.FS { return rebased(newRestless(t), folder) })
		})
	}
}

// TestCompareNested compares operations in a mount below a mount with a model while other mounts come and go.
func TestCompareNested(t *testing.T) {
	vfstest.Compare(t, func(t *testing.T) vfstest.Subject {
		r := newRestless(t)
		return vfstest.Subject{FS: rebased(r, "/files/a/b"), Steps: map[string]func() error{
			"turn": func() error { r.turn(); return nil },
			"replace the outer mount": func() error {
				outer := newSpace()
				if err := outer.Mkdir(t.Context(), "/a", nil); err != nil {
					return err
				}
				return r.Mount("/files", outer)
			},
		}}
	})
}
