package space_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
)

// counted is a remote that counts what it is sent, and can be distant.
type counted struct {
	remote.Store
	chunks atomic.Int64 // whole chunks of files
	far    bool
	put    chan struct{} // receives once for each blob; nil: nothing
}

func (c *counted) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if body.Size() > crypto.ChunkSize {
		c.chunks.Add(1)
	}
	err := c.Store.Put(ctx, name, body)
	if c.put != nil {
		c.put <- struct{}{}
	}
	return err
}

func (c *counted) Roles() remote.Roles {
	r := c.Store.Roles()
	if c.far {
		r.Pace = func() remote.Pace { return remote.Pace{RoundTrip: time.Second} }
	}
	return r
}

// TestUploadResumes breaks the line amid the upload of a large file. The next attempt, also that of the next process,
// sends only the blobs that the remote does not have.
func TestUploadResumes(t *testing.T) {
	for _, restart := range []bool{false, true} {
		clock := newDial()
		laptop, phone := lateDevices(t, clock)
		phone.close(phone.s)
		store := &counted{Store: laptop.store}
		laptop.line = faulty.New(store, nil, faulty.Options{})
		laptop.options.Store = laptop.line
		laptop.restart()
		const blobs = 8
		large := noise(1, blobs*crypto.ChunkSize)
		put(t, laptop.s, "/large", large)
		var asked atomic.Int64
		laptop.line.SetPlan(func(c faulty.Call) faulty.Fault {
			if c.Op == faulty.Put && asked.Add(1) > 5 {
				return faulty.Fail
			}
			return faulty.Fine
		})
		if laptop.try(t) {
			t.Fatal("the line did not break")
		}
		laptop.line.SetPlan(nil)
		if restart {
			laptop.restart()
		}
		flush(t, laptop.s)
		if sent := store.chunks.Load(); sent != blobs {
			t.Errorf("restart %v: %d chunks were sent, and the file has %d", restart, sent, blobs)
		}
		other := laptop.device(9, "reader")
		other.options.Store = other.store
		o := other.open()
		if !bytes.Equal(get(t, o, "/large"), large) {
			t.Error("the file is not what was written")
		}
		other.close(o)
		laptop.close(laptop.s)
	}
}

// TestUploadBeginsEarly: the blobs of a large file go to a distant remote before its commit is due.
func TestUploadBeginsEarly(t *testing.T) {
	store := &counted{Store: mem.New(), far: true}
	h := newHome(t, store)
	h.options.Deadlines.Commit = time.Hour
	s := h.open()
	defer h.close(s)
	store.put = make(chan struct{}, 10)
	put(t, s, "/large", noise(1, 2*crypto.ChunkSize))
	<-store.put
	<-store.put
	flush(t, s)
	if sent := len(store.put); sent != 1 { // the pack
		t.Errorf("the commit sent %d blobs", sent)
	}
}
