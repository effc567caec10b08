package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"

	"postern/crypto"
	"postern/remote"
)

// lockPoll is how often a lock that another process holds is tried again. It is held for about one sync of the disk.
const lockPoll = 2 * time.Millisecond

// Load implements remote.Pointers. It waits for a Swap under way, whose pointer is on the disk but might not outlive a
// power cut yet: who has seen a state must be able to rely on it.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if err := s.ready(ctx, remote.OpLoad, id); err != nil {
		return crypto.Pointer{}, err
	}
	unlock, err := s.lock(ctx, remote.OpLoad, id, false)
	if err != nil {
		return crypto.Pointer{}, err
	}
	defer unlock()
	p, there, err := s.current(remote.OpLoad, id)
	if err == nil && !there {
		err = s.missing(remote.OpLoad, id)
	}
	return p, err
}

// Swap implements remote.Pointers.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	s.writing.RLock()
	defer s.writing.RUnlock()
	if err := s.ready(ctx, remote.OpSwap, next.ID); err != nil {
		return err
	}
	unlock, err := s.lock(ctx, remote.OpSwap, next.ID, true)
	if err != nil {
		return err
	}
	defer unlock()
	current, there, err := s.current(remote.OpSwap, next.ID)
	if err != nil {
		return err
	}
	if err := remote.CheckSwap(current, there, old, next); err != nil {
		return err
	}
	if err := s.again(func() error { return s.replace(next) }); err != nil {
		return s.fail(remote.OpSwap, next.ID, s.orGone(err))
	}
	return nil
}

// current reads a pointer's file; the lock is held.
func (s *Store) current(op string, id crypto.PointerID) (crypto.Pointer, bool, error) {
	path := s.pointerPath(id)
	b, err := readSmall(path, crypto.PointerSize)
	if errors.Is(err, fs.ErrNotExist) {
		return crypto.Pointer{}, false, nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return crypto.Pointer{}, false, s.fail(op, id, err)
	}
	p, err := parsePointer(b, id)
	if err != nil {
		return crypto.Pointer{}, false, remote.Fail(op, id, remote.ErrCorrupt, fmt.Errorf("the file %s is damaged: %w", path, err))
	}
	return p, true, nil
}

// parsePointer reads the file of a pointer. Its signature is for others to check.
func parsePointer(b []byte, id crypto.PointerID) (crypto.Pointer, error) {
	p, err := crypto.ParsePointer(b)
	if err != nil {
		return crypto.Pointer{}, err
	}
	if p.ID != id {
		return crypto.Pointer{}, fmt.Errorf("it holds pointer %v", p.ID)
	}
	return p, nil
}

// replace makes next the pointer, durably; the lock is held.
func (s *Store) replace(next crypto.Pointer) error {
	if err := s.ensureShard(pointers, next.ID[0]); err != nil {
		return err
	}
	f, err := s.tmp.create()
	if err != nil {
		return err
	}
	_, err = f.Write(next.Marshal())
	if err == nil {
		err = s.sys.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.pointerPath(next.ID))
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return s.sys.SyncDir(s.shardPath(pointers, next.ID[0]))
}

// lock takes the lock of a pointer's shard, shared or exclusive: first within this handle, where waiting costs nothing,
// then among all processes.
func (s *Store) lock(ctx context.Context, op string, id crypto.PointerID, exclusive bool) (unlock func(), err error) {
	gate := s.gates[id[0]]
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return nil, remote.Alive(ctx, op, id)
	}
	file := flock.New(filepath.Join(s.root, lockFolder, shardName(id[0])), flock.SetPermissions(fileMode))
	unlock = func() {
		_ = file.Close() // the system drops the lock with the descriptor, whatever Close says
		<-gate
	}
	try := file.TryRLockContext
	if exclusive {
		try = file.TryLockContext
	}
	var held bool
	err = s.again(func() (err error) { held, err = try(ctx, lockPoll); return err })
	if err == nil && held {
		return unlock, nil
	}
	unlock()
	if err := remote.Alive(ctx, op, id); err != nil {
		return nil, err
	}
	return nil, s.fail(op, id, s.orGone(err))
}
