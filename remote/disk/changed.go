package disk

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"postern/crypto"
	"postern/remote"
)

// changeLog is the file of changes, open; its lock is held.
type changeLog struct {
	file    *os.File
	header  logHeader
	records int64 // whole ones, with the first
}

// Changed implements remote.Pointers. A record is written before its pointer moves, and a pointer is loaded under its
// lock, so a page holds the state that the record announced, or a newer one.
func (s *Store) Changed(ctx context.Context, since remote.Cursor) (remote.Changes, error) {
	s.writing.RLock() // a file of changes that is missing is made
	defer s.writing.RUnlock()
	if err := s.ready(ctx, remote.OpChanged, s); err != nil {
		return remote.Changes{}, err
	}
	p, err := s.enter()
	if err != nil {
		return remote.Changes{}, s.fail(remote.OpChanged, s, s.orGone(err))
	}
	defer p.Close()
	ids, page, err := s.moved(ctx, p, since)
	if err != nil {
		return remote.Changes{}, s.fail(remote.OpChanged, s, s.orGone(err))
	}
	for _, id := range ids {
		now, there, err := s.load(ctx, p, remote.OpChanged, id)
		switch {
		case remote.OfKind(err, remote.ErrCorrupt, remote.ErrRefused):
			continue // Load reports it to callers that load this pointer; the listing goes on with the others
		case err != nil:
			return remote.Changes{}, err
		}
		if there && now.Listed {
			page.Pointers = append(page.Pointers, now)
		}
	}
	return page, nil
}

// moved returns which pointers moved since a cursor, each once, and the page without their states.
func (s *Store) moved(ctx context.Context, p place, since remote.Cursor) ([]crypto.PointerID, remote.Changes, error) {
	ids, page, err := s.readMoves(ctx, p, since)
	if !errors.Is(err, errNoLog) {
		return ids, page, err
	}
	_, done, err := s.openLog(ctx, p, mending)
	if err != nil {
		return nil, remote.Changes{}, err
	}
	done()
	return s.readMoves(ctx, p, since)
}

// readMoves is moved for a file that can be used, else errNoLog.
func (s *Store) readMoves(
	ctx context.Context, p place, since remote.Cursor,
) ([]crypto.PointerID, remote.Changes, error) {
	l, done, err := s.openLog(ctx, p, reading)
	if err != nil {
		return nil, remote.Changes{}, err
	}
	defer done()
	at, last, err := l.find(since)
	if err != nil {
		return nil, remote.Changes{}, err
	}
	records, err := l.read(at+1, pageRecords)
	if err != nil {
		return nil, remote.Changes{}, err
	}
	var ids []crypto.PointerID
	seen := map[crypto.PointerID]bool{}
	for i := range records {
		id, ok := records[i].move()
		if !ok {
			return nil, remote.Changes{}, errNoLog // nothing shows which pointer moved
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
		last = records[i]
	}
	at += int64(len(records))
	return ids, remote.Changes{Next: l.header.cursor(at, last), More: at+1 < l.records}, nil
}

// find returns the record before a cursor: the first, if the cursor is not of this file.
func (l *changeLog) find(since remote.Cursor) (int64, record, error) {
	for _, at := range l.candidates(since) {
		here, err := l.read(at, 1)
		if err != nil {
			return 0, record{}, err
		}
		if _, last, _ := l.header.parse(since); at == 0 || here[0] == last {
			return at, here[0], nil
		}
	}
	return 0, record{}, errNoLog // not reached: the first record is always there
}

// candidates returns where a cursor may stand.
func (l *changeLog) candidates(since remote.Cursor) []int64 {
	if at, _, ok := l.header.parse(since); ok && at > 0 && at < l.records {
		return []int64{at, 0}
	}
	return []int64{0}
}

// read reads up to n records.
func (l *changeLog) read(from int64, n int) ([]record, error) {
	n = int(max(min(int64(n), l.records-from), 0))
	b := make([]byte, n*recordSize)
	if n > 0 {
		if _, err := l.file.ReadAt(b, from*recordSize); err != nil {
			return nil, err
		}
	}
	records := make([]record, n)
	for i := range records {
		records[i] = record(b[i*recordSize:])
	}
	return records, nil
}

// errNoLog says that the file of changes is missing, damaged or too long.
var errNoLog = errors.New("there is no usable list of changes")

// purpose is what the file of changes is opened for.
type purpose int

const (
	reading purpose = iota // one that can't be used is errNoLog
	adding                 // one that can't be used, or is full, is written anew
	mending                // as adding, and all of it is looked at
)

// openLog takes the lock and opens the file of changes. The caller calls done.
func (s *Store) openLog(ctx context.Context, p place, why purpose) (l *changeLog, done func(), err error) {
	unlock, err := s.lock(ctx, p, remote.OpChanged, s, changesLock, why != reading)
	if err != nil {
		return nil, nil, err
	}
	l, err = readLog(p, why != reading)
	if why != reading {
		l, err = s.usable(ctx, p, l, err, why)
	}
	if err != nil {
		unlock()
		return nil, nil, err
	}
	return l, func() {
		_ = l.file.Close() // what was written to it was synced
		unlock()
	}, nil
}

// usable returns the file that was opened, or writes it anew: with the pointers that it lists, or if it is unreadable,
// with all pointers of the store. The lock is held for writing.
func (s *Store) usable(ctx context.Context, p place, l *changeLog, err error, why purpose) (*changeLog, error) {
	var ids []crypto.PointerID
	switch {
	case err == nil && why == adding && !l.header.full(l.records, s.slack):
		return l, nil
	case err == nil:
		ids, err = l.all()
		if err == nil && !l.header.full(l.records, s.slack) {
			return l, nil
		}
		err = errors.Join(err, l.file.Close())
	}
	if errors.Is(err, errNoLog) {
		ids, err = s.listed(ctx, p)
	}
	if err != nil {
		return nil, err
	}
	return s.renewLog(p, ids)
}

// readLog opens the file and reads its header; the lock is held.
func readLog(p place, writing bool) (*changeLog, error) {
	flag := os.O_RDONLY
	if writing {
		flag = os.O_RDWR
	}
	f, err := p.openPlain(changesFile, flag)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoLog
	}
	if err != nil {
		return nil, err
	}
	l := &changeLog{file: f}
	info, err := f.Stat()
	if err == nil {
		l.records = info.Size() / recordSize
		if l.records == 0 || l.records > maxRecords {
			err = errNoLog
		}
	}
	if err == nil {
		var first []record
		if first, err = l.read(0, 1); err == nil {
			var ok bool
			if l.header, ok = first[0].header(); !ok {
				err = errNoLog
			}
		}
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// announce notes durably that a listed pointer is about to move. The file may end with a record that a power cut has
// left unfinished; the new record overwrites it.
func (s *Store) announce(ctx context.Context, p place, id crypto.PointerID) error {
	l, done, err := s.openLog(ctx, p, adding)
	if err != nil {
		return err
	}
	defer done()
	move := newMove(id)
	if _, err := l.file.WriteAt(move[:], l.records*recordSize); err != nil {
		return err
	}
	return s.sys.SyncFile(l.file)
}

// renewLog writes the file anew, with one record for each pointer. The lock is held for writing.
func (s *Store) renewLog(p place, ids []crypto.PointerID) (*changeLog, error) {
	first := newHeader(len(ids))
	b := slices.Clone(first[:])
	for _, id := range ids {
		move := newMove(id)
		b = append(b, move[:]...)
	}
	if err := s.place(p, changesFile, ".", b); err != nil {
		return nil, err
	}
	s.log.Info("the list of changed pointers was written anew", "store", s.root, "pointers", len(ids))
	return readLog(p, true)
}

// all returns the pointers of the file in the order of their last moves, or errNoLog when a record is damaged.
func (l *changeLog) all() ([]crypto.PointerID, error) {
	records, err := l.read(1, maxRecords)
	if err != nil {
		return nil, err
	}
	var ids []crypto.PointerID
	seen := map[crypto.PointerID]bool{}
	for _, r := range slices.Backward(records) {
		id, ok := r.move()
		if !ok {
			return nil, errNoLog
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	slices.Reverse(ids)
	return ids, nil
}

// listed returns the listed pointers of the store, at most as many as the file of changes may hold. It skips files that
// are not pointers.
func (s *Store) listed(ctx context.Context, p place) (ids []crypto.PointerID, err error) {
	top, err := p.openFolder(pointerFolder)
	if err != nil {
		return nil, err
	}
	defer top.Close()
	err = each(top, func(entry fs.DirEntry) (bool, error) {
		if !entry.IsDir() || !isShard(entry.Name()) {
			return true, s.ready(ctx, remote.OpChanged, s)
		}
		folder, err := p.openFolder(filepath.Join(pointerFolder, entry.Name()))
		if err != nil {
			return false, err
		}
		defer folder.Close()
		err = each(folder, func(file fs.DirEntry) (bool, error) {
			if err := s.ready(ctx, remote.OpChanged, s); err != nil {
				return false, err
			}
			if id, err := crypto.ParsePointerID(file.Name()); err == nil && shardName(id[0]) == entry.Name() {
				if now, there, err := s.current(p, remote.OpChanged, id); err == nil && there && now.Listed {
					ids = append(ids, id)
				}
			}
			return len(ids) < maxRecords/2, nil
		})
		return len(ids) < maxRecords/2, err
	})
	return ids, err
}
