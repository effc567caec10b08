package dav_test

import (
	"testing"

	"postern/dav"
	"postern/vfs"
	"postern/vfs/vfstest"
)

// turning is a drive whose every use panics, except of the state that a request took when it began.
type turning struct {
	vfs.FS // nil
	model  *vfstest.Model
	begun  int
}

func (d *turning) Now() vfs.FS {
	d.begun++
	return d.model
}

// TestRequestSeesOneDrive: mounts that come and go do not show within a request.
func TestRequestSeesOneDrive(t *testing.T) {
	fs := &turning{model: vfstest.NewModel(vfstest.ModelOptions{Limit: 1000})}
	d := newDrive(t)
	d.fs = fs
	d.restart(dav.Options{Patience: -1})
	for i, one := range []struct {
		method, path, body string
		status             int
		headers            []string
	}{
		{"MKCOL", "/files/dir/", "", 201, nil},
		{"PUT", "/files/dir/f", "F", 201, nil},
		{"PROPFIND", "/files/dir/", prop("D:quota-available-bytes"), 207, []string{"Depth: 1"}},
		{"PROPPATCH", "/files/dir/f", patch("<x:p>1</x:p>"), 207, nil},
		{"COPY", "/files/dir/f", "", 201, []string{"Destination: /files/g"}},
		{"MOVE", "/files/g", "", 201, []string{"Destination: /files/h"}},
		{"GET", "/files/h", "", 200, nil},
		{"GET", "/files/", "", 200, nil},
		{"GET", "/files/h?versions", "", 200, []string{"Accept: text/html"}},
		{"GET", "/files/dir/?zip", "", 200, nil},
		{"LOCK", "/files/new", lockBody("shared"), 201, nil},
		{"DELETE", "/files/dir/", "", 204, nil},
	} {
		d.do(one.method, one.path, one.body, one.headers...).want(one.status)
		if fs.begun != i+1 {
			t.Fatalf("%s %s: the drive was taken %d times, want once a request", one.method, one.path, fs.begun-i)
		}
	}
}
