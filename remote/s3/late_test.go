package s3_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// TestLateSwap: a write of a pointer that reaches the store after its writer gave up happens once at most, and never
// over what another writer has put there since.
func TestLateSwap(t *testing.T) {
	for name, start := range map[string]func(testing.TB) func() s3.Place{
		"gofakes3": s3test.Fake, "versitygw": s3test.Versity,
	} {
		t.Run(name, func(t *testing.T) {
			fresh := start(t)
			for what, overtaken := range map[string]bool{"nobody wrote meanwhile": false, "another was faster": true} {
				front, place := s3test.Before(t, fresh())
				a, b := opened(t, place, s3.Options{}), opened(t, place, s3.Options{})
				key := crypto.NewWriterKey([crypto.KeySize]byte{1})
				one, two, other := key.Sign(1, crypto.PointerValue{1}), key.Sign(2, crypto.PointerValue{2}),
					key.Sign(2, crypto.PointerValue{3})
				if err := a.Swap(t.Context(), crypto.PointerHash{}, one); err != nil {
					t.Fatal(err)
				}
				// The store gets the write of two only after a has given up.
				ctx, giveUp := context.WithCancel(t.Context())
				release, done := make(chan struct{}), make(chan struct{})
				front.Set(func(_ http.ResponseWriter, r *http.Request) bool {
					if r.Method != http.MethodPut {
						return false
					}
					front.Set(nil)
					late := r.Clone(context.WithoutCancel(r.Context()))
					var err error
					if late.Body, err = s3test.Body(r); err != nil {
						t.Error(err)
					}
					go func() {
						defer close(done)
						<-release
						front.Forward(httptest.NewRecorder(), late)
					}()
					giveUp()
					panic(http.ErrAbortHandler)
				})
				if err := a.Swap(ctx, one.Hash(), two); !errors.Is(err, remote.ErrUnavailable) {
					t.Fatalf("%s: %v", what, err)
				}
				want := two
				if overtaken {
					want = other
					if err := b.Swap(t.Context(), one.Hash(), other); err != nil {
						t.Fatal(err)
					}
				}
				if p, err := a.Load(t.Context(), one.ID); err != nil || p == two {
					t.Fatalf("%s: before it arrives, sequence %d is there: %v", what, p.Seq, err)
				}
				close(release)
				<-done
				for _, s := range []*s3.Store{a, b} {
					if p, err := s.Load(t.Context(), one.ID); err != nil || p != want {
						t.Errorf("%s: sequence %d is there: %v", what, p.Seq, err)
					}
				}
				if err := a.Swap(t.Context(), one.Hash(), two); remote.KindOf(err) != remote.ErrConflict {
					t.Errorf("%s: the same swap again: %v", what, err)
				}
			}
		})
	}
}
