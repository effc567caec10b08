package dav_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"postern/dav"
	"postern/vfs/vfstest"
)

// TestConditionsAreAtomic: when many clients read, count up and write back with If-Match, no update is lost.
func TestConditionsAreAtomic(t *testing.T) {
	d := newDrive(t)
	d.write("/files/n", "0")
	var wg sync.WaitGroup
	const clients, rounds = 4, 25
	for range clients {
		wg.Go(func() {
			for done := 0; done < rounds; {
				got := d.do("GET", "/files/n", "")
				var n int
				if _, err := fmt.Sscan(got.body, &n); err != nil {
					t.Error(err)
					return
				}
				switch a := d.do("PUT", "/files/n", fmt.Sprint(n+1), "If-Match: "+got.header.Get("ETag")); a.code {
				case http.StatusNoContent:
					done++
				case http.StatusPreconditionFailed:
				default:
					t.Errorf("%d: %s", a.code, a.body)
					return
				}
			}
		})
	}
	wg.Wait()
	d.holds("/files/n", fmt.Sprint(clients*rounds))
}

// TestOneLockAtATime: the holder of an exclusive lock reads only its own bytes until it unlocks.
func TestOneLockAtATime(t *testing.T) {
	d := newDrive(t, "/files/f")
	var wg sync.WaitGroup
	for id := range 4 {
		wg.Go(func() {
			mine := fmt.Sprintf("client %d", id)
			for range 20 {
				d.do("PUT", "/files/f", mine+" without a lock")
				a := d.do("LOCK", "/files/f", lockBody("exclusive"))
				if a.code == http.StatusLocked {
					continue
				}
				with := "If: (<" + a.want(200).token() + ">)"
				d.do("PUT", "/files/f", mine, with).want(204)
				if got := d.do("GET", "/files/f", "").body; got != mine {
					t.Errorf("%s holds the lock and finds %q", mine, got)
				}
				d.do("UNLOCK", "/files/f", "", "Lock-Token: <"+strings.Trim(a.header.Get("Lock-Token"), "<>")+">").want(204)
			}
		})
	}
	wg.Wait()
}

// TestCreatedOnce: when many clients create one name with If-None-Match, exactly one succeeds.
func TestCreatedOnce(t *testing.T) {
	d := newDrive(t)
	codes := make([]int, 8)
	var wg sync.WaitGroup
	for i := range codes {
		wg.Go(func() { codes[i] = d.do("PUT", "/files/new", fmt.Sprint(i), "If-None-Match: *").code })
	}
	wg.Wait()
	made := 0
	for _, code := range codes {
		if code == http.StatusCreated {
			made++
		} else if code != http.StatusPreconditionFailed {
			t.Errorf("%d", code)
		}
	}
	if made != 1 {
		t.Errorf("%d of %d made it", made, len(codes))
	}
}

// discard is a ResponseWriter that only counts.
type discard struct {
	header http.Header
	n      int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { d.n += len(p); return len(p), nil }

// BenchmarkListing lists a folder of 10,000 files.
func BenchmarkListing(b *testing.B) {
	fs := vfstest.NewModel(vfstest.ModelOptions{})
	h, err := dav.New(fs, dav.Options{})
	if err != nil {
		b.Fatal(err)
	}
	const files = 10_000
	for i := range files {
		if err := fs.Mkdir(b.Context(), fmt.Sprintf("/files/document-%06d", i), nil); err != nil {
			b.Fatal(err)
		}
	}
	for name, body := range map[string]string{"allprop": "",
		"four":  prop("D:getlastmodified", "D:getcontentlength", "D:creationdate", "D:resourcetype"),
		"locks": prop("D:lockdiscovery", "D:supportedlock", "D:nothing")} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r, err := http.NewRequestWithContext(b.Context(), "PROPFIND", "/files", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				r.Header.Set("Depth", "1")
				w := &discard{header: http.Header{}}
				h.ServeHTTP(w, r)
				b.ReportMetric(float64(w.n)/files, "B/entry")
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/files, "ns/entry")
		})
	}
}
