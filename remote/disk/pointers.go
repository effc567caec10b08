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

// Load implements remote.Pointers. It waits for a Swap under way, since its pointer might not survive a power cut yet:
// a state that a caller has seen must last.
func (s *Store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	if err := s.ready(ctx, remote.OpLoad, id); err != nil {
		return crypto.Pointer{}, err
	}
	p, err := s.enter()
	if err != nil {
		return crypto.Pointer{}, s.fail(remote.OpLoad, id, s.orGone(err))
	}
	defer p.Close()
	current, there, err := s.load(ctx, p, remote.OpLoad, id)
	if err == nil && !there {
		err = s.missing(remote.OpLoad, id)
	}
	return current, err
}

// load reads a pointer under its lock.
func (s *Store) load(ctx context.Context, p place, op string, id crypto.PointerID) (crypto.Pointer, bool, error) {
	unlock, err := s.lock(ctx, p, op, id, int(id[0]), false)
	if err != nil {
		return crypto.Pointer{}, false, err
	}
	defer unlock()
	return s.current(p, op, id)
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
	unlock, err := s.lock(ctx, p, remote.OpSwap, next.ID, int(next.ID[0]), true)
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
	if err := s.again(p, func() error { return s.replace(ctx, p, next) }); err != nil {
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
		return crypto.Pointer{}, false, remote.Fail(op, id, remote.ErrCorrupt,
			fmt.Errorf("the file %s is damaged: %w", filepath.Join(s.root, path), err))
	}
	return p, true, nil
}

// parsePointer reads the file of a pointer. The caller checks its signature.
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

// replace makes next the pointer, durably; the lock is held. A listed pointer is announced first: a crash between the
// two steps leaves an announcement without a change, never a change without an announcement.
func (s *Store) replace(ctx context.Context, p place, next crypto.Pointer) error {
	if err := s.ensureShard(p, pointers, next.ID[0]); err != nil {
		return err
	}
	if next.Listed {
		if err := s.announce(ctx, p, next.ID); err != nil {
			return err
		}
	}
	return s.place(p, pointerFile(next.ID), shardFolder(pointers, next.ID[0]), next.Marshal())
}

// place puts a whole, synced file under a name in a folder, durably, in place of whatever file has that name.
func (s *Store) place(p place, name, folder string, b []byte) error {
	f, temp, err := s.tmp.create(p)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err == nil {
		err = s.sys.SyncFile(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = p.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, p.Remove(temp))
	}
	return s.syncFolder(p, folder)
}

// changesLock is the lock of the file of changes. It is taken last: its holder waits for no other lock.
const changesLock = shards

// lockName returns the file of a lock.
func lockName(n int) string {
	if n == changesLock {
		return changesFile
	}
	return shardName(byte(n))
}

// lock takes the lock of a pointer's shard, or changesLock, shared or exclusive: first among the goroutines of this
// handle, where waiting costs nothing, then among all processes.
func (s *Store) lock(
	ctx context.Context, p place, op string, on fmt.Stringer, n int, exclusive bool,
) (unlock func(), err error) {
	gate := s.gates[n]
	select {
	case gate <- struct{}{}:
	case <-ctx.Done():
		return nil, remote.Alive(ctx, op, on)
	}
	var file *os.File
	err = s.again(p, func() (err error) {
		if err := p.isFolder(lockFolder); err != nil {
			return err
		}
		file, err = p.openPlain(filepath.Join(lockFolder, lockName(n)), os.O_RDWR|os.O_CREATE)
		return err
	})
	if err == nil {
		if err = waitLock(ctx, file, exclusive); err != nil {
			_ = file.Close() // there is nothing in it
		}
	}
	if err != nil {
		<-gate
		if err := remote.Alive(ctx, op, on); err != nil {
			return nil, err
		}
		return nil, s.fail(op, on, s.orGone(err))
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
