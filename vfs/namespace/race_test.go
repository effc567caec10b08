package namespace

import (
	"slices"
	"sync"
	"testing"

	"postern/vfs"
)

// TestMountsWhileInUse mounts and unmounts while others list and write. A listing shows a mount or does not, in order,
// and always shows its siblings.
func TestMountsWhileInUse(t *testing.T) {
	d, ctx := newDrive(), t.Context()
	for _, name := range []string{"a", "m", "z"} {
		must(t, d.Mkdir(ctx, "/files/"+name, nil))
	}
	guest := newSpace()
	put(t, guest, "/f", "F")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for _, path := range []string{"/files/b", "/files/m", "/files/y"} {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if d.Mount(path, guest) != nil || d.Unmount(path) != nil {
					t.Errorf("%s can't come or go", path)
					return
				}
			}
		})
	}
	for i := range 300 {
		var seen []string
		for info, err := range d.List(ctx, "/files") {
			must(t, err)
			seen = append(seen, info.Name)
		}
		if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Fatalf("a listing shows %q", seen)
		}
		for _, name := range []string{"a", "m", "z"} {
			if !slices.Contains(seen, name) {
				t.Fatalf("a listing lacks %s: %q", name, seen)
			}
		}
		if i%3 == 0 {
			put(t, d, "/files/a/f", "F")
		}
		now := d.Now()
		_, err := now.Stat(ctx, "/files/m/f")
		_, again := now.Stat(ctx, "/files/m/f")
		if (err == nil) != (again == nil) {
			t.Fatalf("one request sees two tables: %v, %v", err, again)
		}
	}
	close(stop)
	wg.Wait()
	if _, err := d.Copy(ctx, "/files/a", "/files/c", vfs.CopyOptions{}); err != nil {
		t.Error(err)
	}
}
