package disk

import (
	"container/list"
	"errors"
	"io/fs"
	"os"
	"sync"

	"postern/crypto"
)

// openFiles keeps the files of blobs open that were read last. Reading a range of one then costs one call of the system
// instead of three, which matters on a network share, where opening is a journey of its own.
//
// A file that has to make room is closed at once. Go lets a read that is under way finish; one that comes a moment too
// late gets fs.ErrClosed and opens the file anew. So nobody counts references.
type openFiles struct {
	most int

	mu     sync.Mutex
	closed bool
	byName map[crypto.BlobName]*list.Element // of *openFile
	recent list.List                         // front: used last
}

type openFile struct {
	name crypto.BlobName
	file *os.File
}

// newOpenFiles returns an empty set for at most that many files; below 1: it keeps none.
func newOpenFiles(most int) *openFiles {
	return &openFiles{most: most, byName: map[crypto.BlobName]*list.Element{}}
}

// use calls do with the blob's file and its size now. Blobs that another process deleted or replaced are noticed, since
// their file has lost its name.
func (o *openFiles) use(name crypto.BlobName, open func(crypto.BlobName) (*os.File, error), do func(*os.File, int64) error) error {
	if f := o.kept(name); f != nil {
		info, err := f.Stat()
		switch {
		case err == nil && named(info):
			if err := do(f, info.Size()); !errors.Is(err, fs.ErrClosed) {
				return err
			}
		case !errors.Is(err, fs.ErrClosed):
			o.forget(name)
		}
	}
	f, err := open(name)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		err = do(f, info.Size())
	}
	if err != nil {
		_ = f.Close() // of a file that was only read from there is nothing to say
		return err
	}
	o.keep(name, f)
	return nil
}

// kept returns an open file, nil if there is none.
func (o *openFiles) kept(name crypto.BlobName) *os.File {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, ok := o.byName[name]
	if !ok {
		return nil
	}
	o.recent.MoveToFront(e)
	return e.Value.(*openFile).file
}

// keep takes over an open file, or closes it if it is not needed.
func (o *openFiles) keep(name crypto.BlobName, f *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, there := o.byName[name]; there || o.closed || o.most < 1 {
		_ = f.Close()
		return
	}
	o.byName[name] = o.recent.PushFront(&openFile{name, f})
	if o.recent.Len() > o.most {
		o.drop(o.recent.Back())
	}
}

// forget closes the file of a blob.
func (o *openFiles) forget(name crypto.BlobName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e, ok := o.byName[name]; ok {
		o.drop(e)
	}
}

// close closes all files, and keeps none from then on.
func (o *openFiles) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	for o.recent.Len() > 0 {
		o.drop(o.recent.Back())
	}
}

// drop closes one file; o.mu is held.
func (o *openFiles) drop(e *list.Element) {
	kept := o.recent.Remove(e).(*openFile)
	delete(o.byName, kept.name)
	_ = kept.file.Close()
}
