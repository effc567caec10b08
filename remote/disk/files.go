package disk

import (
	"errors"
	"io/fs"
	"os"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"postern/crypto"
)

// openFiles keeps the most recently read blob files open. Reading a range of one then costs one call of the system
// instead of three, which matters on a network share, where opening costs a round trip.
//
// A file that is evicted is closed at once. Go lets a read under way finish; a later read gets fs.ErrClosed and opens
// the file anew. So no references are counted.
type openFiles struct {
	mu    sync.Mutex
	files *simplelru.LRU[crypto.BlobName, *os.File] // its evict callback closes them; nil: none is kept
}

// newOpenFiles returns an empty set for at most that many files; below 1: it keeps none.
func newOpenFiles(most int) *openFiles {
	files, err := simplelru.NewLRU(most, func(_ crypto.BlobName, f *os.File) { _ = f.Close() })
	if err != nil {
		return &openFiles{}
	}
	return &openFiles{files: files}
}

// use calls do with the blob's file and its size now. Blobs that another process deleted or replaced are noticed, since
// their file has lost its name.
func (o *openFiles) use(name crypto.BlobName, open func(crypto.BlobName) (*os.File, error),
	do func(*os.File, int64) error) error {
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
		_ = f.Close() // the file was only read, so an error does not matter
		return err
	}
	o.keep(name, f)
	return nil
}

// kept returns an open file, nil if there is none.
func (o *openFiles) kept(name crypto.BlobName) *os.File {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files == nil {
		return nil
	}
	f, _ := o.files.Get(name)
	return f
}

// keep takes over an open file, or closes it if it is not needed.
func (o *openFiles) keep(name crypto.BlobName, f *os.File) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files == nil || o.files.Contains(name) {
		_ = f.Close()
		return
	}
	o.files.Add(name, f)
}

// forget closes the file of a blob.
func (o *openFiles) forget(name crypto.BlobName) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files != nil {
		o.files.Remove(name)
	}
}

// close closes all files. From then on the set keeps none.
func (o *openFiles) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.files != nil {
		o.files.Purge()
		o.files = nil
	}
}
