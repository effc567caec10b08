package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/remote"
	"postern/remote/s3/s3test"
)

// bill measures what a drive asks of a bucket, for the table in remote/s3/STORES.md. Its time is simulated: the bucket
// is 50 ms away and takes 10 MB a second.
type bill struct {
	t     *testing.T
	url   string
	rand  *rand.Rand
	mu    sync.Mutex
	free  time.Time // when the bytes before are sent
	files []string
}

func (b *bill) around(store http.Handler, w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	if now := time.Now(); b.free.Before(now) {
		b.free = now
	}
	b.free = b.free.Add(time.Duration(max(r.ContentLength, 0)) * 100 * time.Nanosecond)
	wait := time.Until(b.free) + 50*time.Millisecond
	b.mu.Unlock()
	<-time.After(wait)
	store.ServeHTTP(w, r)
}

// gateway opens a gateway; account nil makes the account.
func (b *bill) gateway(account *home.Account, waits remote.Deadlines) *wired {
	w := &wired{t: b.t, home: home.Home(filepath.Join(b.t.TempDir(), "home")), url: b.url, waits: waits}
	if account != nil {
		w.account = *account
		w.account.Device[0]++
	}
	w.open()
	return w
}

// size is the size of a file as users have them: many small ones, some photos, a few films.
func (b *bill) size(mean int) int {
	switch n := b.rand.IntN(100); {
	case n < 70:
		return mean / 25
	case n < 95:
		return mean * 4 / 5
	}
	return mean * 155 / 10
}

// fill writes n files in folders of 100, as fast as a client that reads 50 MB a second.
func (b *bill) fill(w *wired, n, mean int) {
	for i := range n {
		folder := fmt.Sprintf("/files/folder %03d", i/100)
		if i%100 == 0 {
			if err := w.fs.Mkdir(b.t.Context(), folder, nil); err != nil {
				b.t.Fatal(err)
			}
		}
		b.files = append(b.files, fmt.Sprintf("%s/file %02d", folder, i%100))
		size := b.size(mean)
		w.put(b.files[i], noise(size))
		<-time.After(time.Duration(size) * 20 * time.Nanosecond)
	}
	b.flush(w)
}

func (b *bill) flush(w *wired) {
	if err := w.space.Flush(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// change replaces n files, one each 200 ms, and returns their paths. Half of the changes hit the fiftieth part of the
// files that people work on.
func (b *bill) change(w *wired, n, mean int) (changed []string) {
	for range n {
		path := b.files[b.rand.IntN(len(b.files)/(1+49*b.rand.IntN(2)))]
		w.put(path, noise(b.size(mean)))
		changed = append(changed, path)
		<-time.After(200 * time.Millisecond)
	}
	return changed
}

// asked returns what do asks of the bucket through a gateway.
func (b *bill) asked(w *wired, do func()) remote.Usage {
	before := w.session.usage.Total()
	do()
	return minus(w.session.usage.Total(), before)
}

func minus(a, b remote.Usage) remote.Usage {
	return remote.Usage{Writes: a.Writes - b.Writes, Reads: a.Reads - b.Reads, Deletions: a.Deletions - b.Deletions,
		Sent: a.Sent - b.Sent, Received: max(a.Received-b.Received, 0), Errors: a.Errors - b.Errors}
}

// row prints a row of the table. times is what the month has of it.
func (b *bill) row(what string, u remote.Usage, times float64) {
	writes, reads := times*float64(u.Writes), times*float64(u.Reads)
	received := times * float64(u.Received) / 1e9
	b.t.Logf("| %s | %d | %d | %d | %s | %s | × %g | %.2f | %.2f |", what, u.Writes, u.Reads, u.Deletions,
		home.Size(u.Sent), home.Size(u.Received), times, writes*5e-6+reads*0.4e-6, received*0.09)
	if u.Errors > 0 {
		b.t.Errorf("%s: %d errors", what, u.Errors)
	}
}

// TestBill measures the requests of a month's bill, on drives that are a hundredth of the one in the table: 100,000
// files of 500 KB.
func TestBill(t *testing.T) {
	if os.Getenv("POSTERN_BILL") == "" {
		t.Skip("skipped: it simulates months and takes minutes (POSTERN_BILL=1)")
	}
	t.Run("days", func(t *testing.T) { synctest.Test(t, testDays) })
	t.Run("garbage", func(t *testing.T) { synctest.Test(t, testGarbage) })
}

// testDays fills a drive, leaves it alone for a day, and changes 1,000 files on another, while a second gateway reads a
// tenth of what has changed.
func testDays(t *testing.T) {
	b := &bill{t: t, rand: rand.New(rand.NewPCG(1, 1))}
	b.url = s3test.Piped(t, b.around)().String()
	first := b.gateway(nil, remote.Deadlines{})
	defer first.close()
	b.row("first upload of 1,000 files", b.asked(first, func() { b.fill(first, 1000, 500_000) }), 100)
	second := b.gateway(&first.account, remote.Deadlines{})
	defer second.close()
	list := func(w *wired) {
		for i := range 10 {
			for _, err := range w.fs.List(t.Context(), fmt.Sprintf("/files/folder %03d", i)) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	b.row("second gateway lists 1,000 files", b.asked(second, func() { list(second) }), 100)
	var idle remote.Usage
	b.row("a day of polls, two gateways", b.asked(first, func() {
		idle = b.asked(second, func() { <-time.After(24 * time.Hour) })
	}), 60)
	var others remote.Usage
	own := b.asked(first, func() {
		others = b.asked(second, func() {
			evening := time.Now().Add(24 * time.Hour)
			for range 40 {
				burst := b.change(first, 20, 500_000)
				<-time.After(time.Minute)
				for range 2 {
					if _, err := second.read(burst[b.rand.IntN(len(burst))]); err != nil {
						t.Error(err)
					}
				}
				for range 5 {
					b.change(first, 1, 500_000)
					<-time.After(2 * time.Minute)
				}
			}
			<-time.After(time.Until(evening))
		})
	})
	b.row("a day of 1,000 changes, without polls", minus(own, idle), 30)
	b.row("second gateway on that day, without polls", minus(others, idle), 30)
}

// testGarbage changes a hundredth of a drive each day for months, and collects garbage when it is worth it. The last
// month counts, in which the history loses as much as it gains.
func testGarbage(t *testing.T) {
	// No drive is older than 2026, and a history is not thinned by a clock that shows an earlier year.
	<-time.After(time.Until(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)))
	b := &bill{t: t, rand: rand.New(rand.NewPCG(2, 2))}
	b.url = s3test.Piped(t, b.around)().String()
	w := b.gateway(nil, remote.Deadlines{Poll: 6 * time.Hour})
	defer w.close()
	b.fill(w, 5000, 100_000)
	g := &gateway{home: w.home, account: w.account, drive: w.drive, log: slog.New(slog.DiscardHandler)}
	runs, sum := 0, remote.Usage{}
	for day := range 75 {
		for range 2 {
			b.change(w, 20, 100_000)
			<-time.After(time.Hour)
		}
		b.change(w, 10, 100_000)
		b.flush(w)
		<-time.After(22 * time.Hour)
		if g.drive.space.Keeper().WorthCollecting() {
			used := b.asked(w, func() {
				report, err := g.Collect(context.Background(), control.CollectOrder{}, control.Quiet)
				if err != nil {
					t.Fatal(err)
				}
				t.Logf("day %d: %s needed, of which %s live; %d blobs of %s deleted, %d packs of %s emptied", day,
					home.Size(report.Needed.Bytes), home.Size(report.Live), report.Deleted.Blobs,
					home.Size(report.Deleted.Bytes), report.Repacked.Blobs, home.Size(report.Repacked.Bytes))
			})
			if day >= 45 {
				runs++
				sum.Add(used)
			}
		}
	}
	b.row(fmt.Sprintf("a month of garbage collections (%d)", runs), sum, 100)
}
