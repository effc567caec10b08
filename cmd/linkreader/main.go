//go:build js

// Command linkreader is the part of the link page that opens what a link leads to. It is compiled to WebAssembly and
// runs in a worker of the page, which calls it through the global object postern: open, list, more, file, read, close.
// Each returns a promise; an error is a sentence for people.
package main

import (
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"syscall/js"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/linkview"
)

const (
	// pageSize is how many items of a folder are shown at once.
	pageSize = 500
	// pieceSize is how many bytes of a file one call of read returns at most.
	pieceSize = 1 << 20
	// memory is how many bytes of decoded pages are kept.
	memory = 8 << 20
	// patience is how long one look at a link or folder may take.
	patience = time.Minute
)

// far is how the store is read: in pieces of some hundred KiB, six at once, as browsers allow.
var far = remote.Pace{RoundTrip: 50 * time.Millisecond, Down: 20 << 20}

var errClosed = errors.New("no link is open")

// reader is what is open.
type reader struct {
	store fetchStore

	mu      sync.Mutex
	view    *linkview.View
	files   map[int]*opened
	counted int

	listing sync.Mutex
	next    func() (vfs.Info, error, bool) // of the folder that is listed; nil: all is listed
	stop    func()
}

// opened is an open file.
type opened struct {
	file   vfs.File
	cancel context.CancelFunc
}

func main() {
	base := js.Global().Get("location").Get("href").String()
	r := &reader{store: newFetchStore(base), files: map[int]*opened{}}
	js.Global().Set("postern", js.ValueOf(map[string]any{
		"open":  promising(r.open),
		"list":  promising(r.list),
		"more":  promising(r.more),
		"file":  promising(r.file),
		"read":  promising(r.read),
		"close": promising(r.close),
	}))
	select {}
}

// open opens a link: its text, and its password. It returns the name, and whether it is a file.
func (r *reader) open(args []js.Value) (any, error) {
	link, err := crypto.ParseLink(args[0].String())
	if err != nil {
		return nil, errors.New("this is no whole link: copy all of it, with what follows the #")
	}
	password := args[1].String()
	if link.Password && password == "" {
		return map[string]any{"password": true}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	v, err := linkview.Open(ctx, link, linkview.Options{Store: r.store, Password: password, Now: time.Now,
		Memory: memory, Pace: func() remote.Pace { return far }})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view = v
	return map[string]any{"name": v.Name(), "file": v.File()}, nil
}

// list begins to list a folder and returns its first items.
func (r *reader) list(args []js.Value) (any, error) {
	v := r.current()
	if v == nil {
		return nil, errClosed
	}
	r.listing.Lock()
	defer r.listing.Unlock()
	if r.stop != nil {
		r.stop()
	}
	r.next, r.stop = iter.Pull2(v.List(context.Background(), args[0].String()))
	return r.page()
}

// more returns the next items of the folder that is listed.
func (r *reader) more([]js.Value) (any, error) {
	r.listing.Lock()
	defer r.listing.Unlock()
	if r.next == nil {
		return nil, errClosed
	}
	return r.page()
}

// page returns items, and whether there may be more. The caller holds listing.
func (r *reader) page() (any, error) {
	items := []any{}
	for len(items) < pageSize {
		info, err, ok := r.next()
		if err != nil {
			return nil, err
		}
		if !ok {
			r.next = nil
			return map[string]any{"items": items, "more": false}, nil
		}
		items = append(items, map[string]any{"name": info.Name, "folder": info.Folder,
			"size": float64(info.Size), "modified": float64(info.Modified.UnixMilli()), "type": info.ContentType})
	}
	return map[string]any{"items": items, "more": true}, nil
}

// file opens a file and returns its number and its size.
func (r *reader) file(args []js.Value) (any, error) {
	v := r.current()
	if v == nil {
		return nil, errClosed
	}
	ctx, cancel := context.WithCancel(context.Background())
	f, err := v.Open(ctx, args[0].String())
	if err != nil {
		cancel()
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted++
	r.files[r.counted] = &opened{f, cancel}
	return map[string]any{"id": r.counted, "size": float64(f.Info().Size)}, nil
}

// read returns the next bytes of a file, null at its end.
func (r *reader) read(args []js.Value) (any, error) {
	f, err := r.find(args)
	if err != nil {
		return nil, err
	}
	b := make([]byte, pieceSize)
	n, err := io.ReadFull(f.file, b)
	switch {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return nil, err
	}
	piece := js.Global().Get("Uint8Array").New(n)
	js.CopyBytesToJS(piece, b[:n])
	return piece, nil
}

// close closes a file.
func (r *reader) close(args []js.Value) (any, error) {
	f, err := r.find(args)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	delete(r.files, args[0].Int())
	r.mu.Unlock()
	f.cancel()
	return nil, f.file.Close()
}

// current returns the open link, nil if none is.
func (r *reader) current() *linkview.View {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.view
}

// find returns an open file.
func (r *reader) find(args []js.Value) (*opened, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if f := r.files[args[0].Int()]; f != nil {
		return f, nil
	}
	return nil, errClosed
}
