package pace_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/pace"
)

const mib = 1 << 20

// within calls do as a line calls a driver for a call that sends or receives so many bytes.
func within(ctx context.Context, l *pace.Limits, send, receive int64, do func(context.Context) error) error {
	c := &remote.Call{Op: remote.OpPut, On: remote.Place{}, Send: send, Receive: receive}
	if receive > 0 {
		c.Op = remote.OpGetRange
	}
	return pace.Around(l)(ctx, c, do)
}

// moves repeats a transfer until ctx ends, and adds the bytes as they pass.
func moves(ctx context.Context, l *pace.Limits, up bool, size int64, sum *atomic.Int64) {
	for ctx.Err() == nil {
		send, receive, move := size, int64(0), pace.Upload
		if !up {
			send, receive, move = 0, size, pace.Download
		}
		_ = within(ctx, l, send, receive, func(ctx context.Context) error {
			_, err := io.Copy(counted{sum}, struct{ io.Reader }{move(ctx, size, bytes.NewReader(make([]byte, size)))})
			return err
		})
	}
}

type counted struct{ sum *atomic.Int64 }

func (c counted) Write(p []byte) (int, error) {
	c.sum.Add(int64(len(p)))
	return len(p), nil
}

// near reports whether got is within a tenth of want.
func near(got, want int64) bool { return got >= want*9/10 && got <= want*11/10 }

// TestRateIsKept: many parallel transfers of any size keep the rate of each direction over ten seconds.
func TestRateIsKept(t *testing.T) {
	for _, size := range []int64{5 * mib, pace.Small + 1, pace.Small, 1000} {
		for _, rate := range []int64{100 << 10, 3 * mib, 30 * mib} {
			if size == 1000 && rate > mib {
				continue // a million steps
			}
			synctest.Test(t, func(t *testing.T) {
				l := pace.New(pace.Steady(rate), pace.Steady(2*rate), pace.Options{})
				ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
				defer cancel()
				var up, down atomic.Int64
				var all sync.WaitGroup
				for range 20 {
					all.Go(func() { moves(ctx, l, true, size, &up) })
					all.Go(func() { moves(ctx, l, false, size, &down) })
				}
				<-time.After(2 * time.Second) // the first second may spend what was saved
				sent, received := up.Load(), down.Load()
				all.Wait()
				if sent, received = up.Load()-sent, down.Load()-received; !near(sent, 10*rate) || !near(received, 20*rate) {
					t.Errorf("blobs of %d bytes at %d a second: %d sent and %d received in ten seconds", size, rate, sent, received)
				}
			})
		}
	}
}

// TestPutIsPacedWhileItIsSent: a blob is not held back and then sent at once.
func TestPutIsPacedWhileItIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(pace.Steady(mib), nil, pace.Options{})
		begin, last := time.Now(), time.Now()
		err := within(t.Context(), l, 5*mib, 0, func(ctx context.Context) error {
			r := pace.Upload(ctx, 5*mib, bytes.NewReader(make([]byte, 5*mib)))
			for p := make([]byte, 64<<10); ; {
				n, err := r.Read(p)
				if gap := time.Since(last); gap > 100*time.Millisecond || n > 32<<10 {
					t.Fatalf("%d bytes came after %v", n, gap)
				}
				if last = time.Now(); err != nil {
					return err
				}
			}
		})
		if took := time.Since(begin); !errors.Is(err, io.EOF) || took < 4800*time.Millisecond || took > 5*time.Second {
			t.Errorf("5 MiB took %v: %v", took, err)
		}
	})
}

// TestSmallTransfersDoNotQueue: a page of a folder comes at once while bulk keeps the line busy, and bulk pays for it.
func TestSmallTransfersDoNotQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(nil, pace.Steady(mib), pace.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		var bulk, all atomic.Int64
		var wait sync.WaitGroup
		for range 40 {
			wait.Go(func() { moves(ctx, l, false, 5*mib, &bulk) })
		}
		<-time.After(5 * time.Second)
		before := bulk.Load()
		for range 10 {
			begin := time.Now()
			small, stop := context.WithCancel(ctx)
			err := within(small, l, 0, 64<<10, func(ctx context.Context) error {
				_, err := io.Copy(counted{&all}, pace.Download(ctx, 64<<10, bytes.NewReader(make([]byte, 64<<10))))
				return err
			})
			stop()
			if took := time.Since(begin); took > 0 || err != nil {
				t.Errorf("a small transfer waited %v for bulk: %v", took, err)
			}
			<-time.After(time.Second)
		}
		if sum := bulk.Load() - before + all.Load(); !near(sum, 10*mib) {
			t.Errorf("%d bytes came in ten seconds, want ten MiB", sum)
		}
		wait.Wait()
	})
}

// TestOtherCallsAreNotMarked: pointers, polls and listings never wait.
func TestOtherCallsAreNotMarked(t *testing.T) {
	l := pace.New(pace.Steady(1), pace.Steady(1), pace.Options{})
	for _, op := range []string{remote.OpLoad, remote.OpSwap, remote.OpChanged, remote.OpStat, remote.OpList,
		remote.OpFetch} {
		_ = pace.Around(l)(t.Context(), &remote.Call{Op: op}, func(ctx context.Context) error {
			if r := bytes.NewReader(nil); pace.Download(ctx, 0, r) != io.Reader(r) {
				t.Errorf("%s is limited", op)
			}
			return nil
		})
	}
}

// TestPlanOfTheDay: a rate takes effect at its time of day, within a minute, also for transfers under way.
func TestPlanOfTheDay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(8*time.Hour - time.Since(time.Now().Truncate(24*time.Hour)))
		day := time.Now() // some days begin at another hour
		hour := func(h int) time.Duration { return time.Duration(day.Hour()+h) * time.Hour }
		l := pace.New(pace.Plan{{From: hour(0), Rate: 1 << 10}, {From: hour(1)}, {From: hour(2), Rate: mib}}, nil,
			pace.Options{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour+time.Minute)
		defer cancel()
		var sum atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				_ = within(ctx, l, 5*mib, 0, func(ctx context.Context) error {
					_, err := io.Copy(counted{&sum}, pace.Upload(ctx, 5*mib, bytes.NewReader(make([]byte, 5*mib))))
					return err
				})
			})
		}
		<-time.After(time.Hour - time.Second)
		if got := sum.Load(); !near(got, 3600<<10) {
			t.Errorf("%d bytes passed in an hour at 1 KiB a second", got)
		}
		all.Wait()
		if got := sum.Load(); got != 100*mib {
			t.Errorf("%d bytes passed within a minute after the limit had ended", got)
		}
		<-time.After(time.Hour)
		sum.Store(0)
		ctx, cancel = context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		moves(ctx, l, true, 5*mib, &sum)
		if got := sum.Load(); !near(got, 10*mib) {
			t.Errorf("%d bytes passed in ten seconds at 1 MiB a second", got)
		}
	})
}

func TestPlanAt(t *testing.T) {
	plan := pace.Plan{{From: 8 * time.Hour, Rate: 1}, {From: 18*time.Hour + 30*time.Minute, Rate: 2}}
	for clock, want := range map[string]int64{"00:00": 2, "07:59": 2, "08:00": 1, "18:29": 1, "18:30": 2, "23:59": 2} {
		now, err := time.Parse("15:04", clock)
		if err != nil {
			t.Fatal(err)
		}
		if got := plan.At(now); got != want {
			t.Errorf("at %s the rate is %d, want %d", clock, got, want)
		}
	}
	if pace.New(nil, pace.Steady(0), pace.Options{}) != nil {
		t.Error("plans without limits make limits")
	}
}

// TestFewTransfersUnderLowLimits: under a low limit few bulk transfers are under way, so that no connection pauses for
// long.
func TestFewTransfersUnderLowLimits(t *testing.T) {
	for rate, most := range map[int64]int32{1 << 10: 1, 32 << 10: 4, mib: 16, 0: 40} {
		synctest.Test(t, func(t *testing.T) {
			l := pace.New(pace.Steady(rate), pace.Steady(mib), pace.Options{})
			var under, peak atomic.Int32
			var all sync.WaitGroup
			for range 40 {
				all.Go(func() {
					_ = within(t.Context(), l, mib, 0, func(context.Context) error {
						peak.Store(max(under.Add(1), peak.Load()))
						<-time.After(time.Second)
						under.Add(-1)
						return nil
					})
				})
			}
			all.Wait()
			if peak.Load() != most {
				t.Errorf("at %d bytes a second %d transfers were under way, want %d", rate, peak.Load(), most)
			}
		})
	}
}

// TestCancelledWaits: a call that ends while it waits gives its tokens back.
func TestCancelledWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := pace.New(pace.Steady(mib), nil, pace.Options{})
		put := func(ctx context.Context, n int) error {
			return within(ctx, l, int64(n), 0, func(ctx context.Context) error {
				_, err := io.Copy(io.Discard, struct{ io.Reader }{pace.Upload(ctx, int64(n), bytes.NewReader(make([]byte, n)))})
				return err
			})
		}
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				if err := put(ctx, 5*mib); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("a cut-off transfer ends with %v", err)
				}
			})
		}
		all.Wait()
		begin := time.Now()
		if err := put(t.Context(), mib); err != nil || time.Since(begin) > 1200*time.Millisecond {
			t.Errorf("the next transfer of 1 MiB took %v: %v", time.Since(begin), err)
		}
	})
}

// wire is a remote in memory that moves bytes as drivers do.
type wire struct {
	*mem.Store
	hang bool // from the second half of a body on
}

func (w wire) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	r, err := body.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	paced := pace.Upload(ctx, body.Size(), r)
	if _, err := io.CopyN(io.Discard, paced, body.Size()/2); err != nil {
		return remote.Fail(remote.OpPut, name, remote.ErrUnavailable, err)
	}
	if w.hang {
		<-ctx.Done()
	}
	if _, err := io.Copy(io.Discard, paced); err != nil {
		return remote.Fail(remote.OpPut, name, remote.ErrUnavailable, err)
	}
	return remote.Alive(ctx, remote.OpPut, name)
}

// TestDeadlinesAllowForTheLimit: a call may take as long as the limit makes it, and one that hangs still ends.
func TestDeadlinesAllowForTheLimit(t *testing.T) {
	data := make(remote.BytesBody, 4*mib)
	deadlines := remote.Deadlines{Reply: time.Second, Rate: mib, Attempts: 1, Suspect: 100 * time.Millisecond}
	for name, o := range map[string]line.Options{"a try": {}, "a call": {Breaker: true}} {
		for hang, longest := range map[bool]time.Duration{false: 200 * time.Second, true: 110 * time.Second} {
			synctest.Test(t, func(t *testing.T) {
				o.Limits = pace.New(pace.Steady(40<<10), nil, pace.Options{})
				l := line.Over(wire{mem.New(), hang}, deadlines, o)
				begin := time.Now()
				err := l.Put(t.Context(), crypto.NameOf(data), data)
				took := time.Since(begin)
				if hang != (remote.KindOf(err) == remote.ErrUnavailable) || took < longest/4 || took > longest || l.State().Away {
					t.Errorf("%s that hangs: %v: took %v: %v", name, hang, took, err)
				}
				if errors.Is(err, context.Canceled) {
					t.Errorf("%s that hangs looks cancelled by its caller: %v", name, err)
				}
				if err := l.Close(); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

// TestRetriesCount: the bytes of a repeated try wait again.
func TestRetriesCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		data := make(remote.BytesBody, mib)
		l := line.Over(wire{mem.New(), true}, remote.Deadlines{Reply: time.Second, Rate: 100 * mib, Attempts: 3},
			line.Options{Limits: pace.New(pace.Steady(50<<10), nil, pace.Options{})})
		begin := time.Now()
		err := l.Put(t.Context(), crypto.NameOf(data), data)
		if took := time.Since(begin); err == nil || took < 30*time.Second {
			t.Errorf("three tries of half a MiB at 50 KiB a second took %v: %v", took, err)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWith: the limits of a context count beside those of the line, and once only, however many lines there are.
func TestWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := pace.With(pace.With(t.Context(), nil), pace.New(pace.Steady(10<<10), nil, pace.Options{}))
		member := line.Over(wire{Store: mem.New()}, remote.Deadlines{},
			line.Options{Limits: pace.New(pace.Steady(2*mib), nil, pace.Options{})})
		l := line.Over(member, remote.Deadlines{}, line.Options{})
		data := make(remote.BytesBody, 400<<10)
		begin := time.Now()
		if err := l.Put(ctx, crypto.NameOf(data), data); err != nil {
			t.Error(err)
		}
		if took := time.Since(begin); took < 39*time.Second || took > 40*time.Second {
			t.Errorf("400 KiB at 10 KiB a second took %v", took)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
}
