package disk

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

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
	p, err := s.enter()
	if err != nil {
		return crypto.Pointer{}, s.fail(remote.OpLoad, id, s.orGone(err))
	}
	defer p.Close()
	unlock, err := s.lock(ctx, p, remote.OpLoad, id, false)
	if err != nil {
		return crypto.Pointer{}, err
	}
	defer unlock()
	current, there, err := s.current(p, remote.OpLoad, id)
	if err == nil && !there {
		err = s.missing(remote.OpLoad, id)
	}
	return current, err
}

// Swap implements remote.Pointers.
func (s *Store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	s.writing.RLock()
	defer s.writing.RUnlock()
	if err := s.ready(ctx, remote.OpSwap, next.ID); err != nil {
		return err
	}
	p, err := s.enter()
	if err != nil {
		return s.fail(remote.OpSwap, next.ID, s.orGone(err))
	}
	defer p.Close()
	unlock, err := s.lock(ctx, p, remote.OpSwap, next.ID, true)
	if err != nil {
		return err
	}
	defer unlock()
	current, there, err := s.current(p, remote.OpSwap, next.ID)
	if err != nil {
		return err
	}
	if err := remote.CheckSwap(current, there, old, next); err != nil {
		return err
	}
	if err := s.again(p, func() error { return s.replace(p, next) }); err != nil {
		return s.fail(remote.OpSwap, next.ID, s.orGone(err))
	}
	return nil
}

// current reads a pointer's file; the lock is held.
func (s *Store) current(in place, op string, id crypto.PointerID) (crypto.Pointer, bool, error) {
	path := pointerFile(id)
	b, err := in.readSmall(path, crypto.PointerSize)
	if errors.Is(err, fs.ErrNotExist) {
		return crypto.Pointer{}, false, nil
	}
	if err != nil && !errors.Is(err, errTooLong) {
		return crypto.Pointer{}, false, s.fail(op, id, err)
	}
	p, err := parsePointer(b, id)
	if err != nil {
		return crypto.Pointer{}, false, remote.Fail(op, id, remote.ErrCorrupt, fmt.Errorf("the file %s is damaged: %w", filepath.Join(s.root, path), err))
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
func (s *Store) replace(p place, next crypto.Pointer) error {
	if err := s.ensureShard(p, pointers, next.ID[0]); err != nil {
		return err
	}
	f, temp, err := s.tmp.create(p)
	if err != nil {
		return err
	}
	_, err = f.Write(next.Marshal())
	if err == nil {
		err = s.sys.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = p.Rename(temp, pointerFile(next.ID))
	}
	if err != nil {
		return errors.Join(err, p.Remove(temp))
	}
	return s.syncFolder(p, shardFolder(pointers, next.ID[0]))
}

// lock takes the lock of a pointer's shard, shared or exclusive: first within this handle, where waiting costs nothing,
// then among all processes.
func (s *Store) lock(ctx context.Context, p place, op string, id crypto.PointerID, exclusive bool) (unlock func(), err error) {
	gate := s.gates[id[0]]
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return nil, remote.Alive(ctx, op, id)
	}
	var file *os.File
	err = s.again(p, func() (err error) {
		if err := p.isFolder(lockFolder); err != nil {
			return err
		}
		file, err = p.openPlain(filepath.Join(lockFolder, shardName(id[0])), os.O_RDWR|os.O_CREATE)
		return err
	})
	if err == nil {
		if err = waitLock(ctx, file, exclusive); err != nil {
			_ = file.Close() // there is nothing in it
		}
	}
	if err != nil {
		<-gate
		if err := remote.Alive(ctx, op, id); err != nil {
			return nil, err
		}
		return nil, s.fail(op, id, s.orGone(err))
	}
	return func() {
		_ = file.Close() // the system drops the lock with the descriptor, whatever Close says
		<-gate
	}, nil
}

// waitLock takes the lock of an open file as soon as it is free, or fails when ctx ends.
func waitLock(ctx context.Context, f *os.File, exclusive bool) error {
	poll := time.NewTimer(lockPoll)
	defer poll.Stop()
	for {
		if held, err := tryLock(f, exclusive); err != nil || held {
			return err
		}
		poll.Reset(lockPoll)
		select {
		case <-poll.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
