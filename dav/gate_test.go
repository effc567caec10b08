package dav_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"postern/dav"
	"postern/vfs"
)

// stuck is a client that reads no answer until it is released.
type stuck struct {
	*httptest.ResponseRecorder
	until chan struct{}
}

func (s stuck) Write(p []byte) (int, error) {
	<-s.until
	return s.ResponseRecorder.Write(p)
}

// crowd sends n requests at the same time. Their answers are not read before the returned function is called, which
// returns the statuses.
func (d *drive) crowd(n int, request func() *http.Request) func() []int {
	codes, until := make(chan int), make(chan struct{})
	for range n {
		r := request()
		go func() {
			w := stuck{httptest.NewRecorder(), until}
			d.h.ServeHTTP(w, r)
			codes <- w.Code
		}()
	}
	synctest.Wait()
	return func() []int {
		close(until)
		var all []int
		for range n {
			all = append(all, <-codes)
		}
		return all
	}
}

func wantAll(t *testing.T, got []int, want int) {
	t.Helper()
	for _, code := range got {
		if code != want {
			t.Errorf("answered %d, want %d", got, want)
			return
		}
	}
}

// TestFewArchives: four archives are made at one time. A fifth waits as long as a request waits for storage, and is
// refused then.
func TestFewArchives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriveWith(t, dav.Options{Patience: 8 * time.Second}, 0, "/files/d/", "/files/d/a", "/files/b")
		zip := func() *http.Request { return d.request("GET", "/files/d/?zip", nil) }
		end := d.crowd(4, zip)
		d.do("GET", "/files/d/?zip", "").want(503, "Too many archives").with("Retry-After: 10")
		d.do("GET", "/files/b", "").want(200) // other requests are not blocked
		waiting := d.crowd(1, zip)
		wantAll(t, end(), 200)
		wantAll(t, waiting(), 200)
		d.do("GET", "/files/d/?zip", "").want(200)
	})
}

// TestFewLargeBodies: XML bodies larger than any program sends are read a few at a time, and do not block other
// requests.
func TestFewLargeBodies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDriveWith(t, dav.Options{Patience: 8 * time.Second}, 0, "/files/f")
		head := `<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop><v>` + strings.Repeat("x", 100_000)
		const tail = "</v></D:prop></D:set></D:propertyupdate>"
		var pipes []*io.PipeWriter
		large := func() *http.Request {
			r, w := io.Pipe()
			pipes = append(pipes, w)
			return d.request("PROPPATCH", "/files/f", io.MultiReader(strings.NewReader(head), r))
		}
		end := d.crowd(4, large)
		d.do("PROPPATCH", "/files/f", head+tail).want(503, "large bodies")
		d.do("PROPFIND", "/files/f", head+tail).want(503, "large bodies")
		d.do("PROPFIND", "/files/f", "").want(207)
		for _, w := range pipes {
			go func() { io.WriteString(w, tail); w.Close() }()
		}
		wantAll(t, end(), 413)
		d.do("PROPPATCH", "/files/f", head+tail).want(413, "!large bodies")
	})
}

// TestTooManyFiles: a request that fails because too many files are open gets a 503, so that the client tries again.
func TestTooManyFiles(t *testing.T) {
	d := newDrive(t, "/files/f")
	for _, cause := range []error{
		syscall.EMFILE,
		&vfs.Error{Op: "open", Path: "/files/f", Kind: vfs.ErrUnavailable, Err: fmt.Errorf("open: %w", syscall.ENFILE)},
	} {
		d.fail = func(op, path string) error { return cause }
		for _, method := range []string{"GET", "PUT", "PROPFIND"} {
			d.do(method, "/files/f", "").want(503, "Too many files are open").with("Retry-After: 10")
		}
	}
}

// TestFewProperties: a file can be given at most 1,000 properties. If it has more already, they can be changed and
// removed.
func TestFewProperties(t *testing.T) {
	d := newDrive(t, "/files/f", "/files/old")
	var full, tooMany []vfs.Property
	for i := range 1002 {
		p := vfs.Property{Name: vfs.PropertyName{Space: "u", Local: fmt.Sprintf("p%04d", i)}, Value: "v"}
		if tooMany = append(tooMany, p); i < 1000 {
			full = append(full, p)
		}
	}
	for path, properties := range map[string][]vfs.Property{"/files/f": full, "/files/old": tooMany} {
		if err := d.fs.Patch(t.Context(), path, vfs.Patch{Set: properties}, nil); err != nil {
			t.Fatal(err)
		}
	}
	update := func(path, inner string) *answer {
		return d.do("PROPPATCH", path, `<D:propertyupdate xmlns:D="DAV:" xmlns:u="u">`+inner+`</D:propertyupdate>`)
	}
	const more, less = `<D:set><D:prop><u:more/></D:prop></D:set>`, `<D:remove><D:prop><u:p0000/></D:prop></D:remove>`
	for _, path := range []string{"/files/f", "/files/old"} {
		update(path, more).want(413, "1000 properties")
		update(path, `<D:set><D:prop><u:p0001>new</u:p0001></D:prop></D:set>`).want(207)
		update(path, less+more).want(207)
	}
	update("/files/old", `<D:remove><D:prop><u:more/></D:prop></D:remove>`).want(207)
	if n := len(d.info("/files/old").Properties); n != 1001 {
		t.Errorf("%d properties", n)
	}
}
