package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"postern/crypto"
)

// newBare returns the bare decrypting server, which shows what any server in Go can reach with our cipher and segments.
// It opens segments from the page cache straight to the socket, and has no login, tree, locks, journal or hashes.
func newBare(dir string) *server {
	return &server{
		name: "bare", dir: filepath.Join(dir, "bare"), files: "/", kinds: bodies,
		start: func(s *server, addr string) (*exec.Cmd, error) {
			self, err := os.Executable()
			return exec.Command(self, "-bare", addr, "-dir", s.dir), err
		},
	}
}

// serveBare serves a folder of sealed files at addr until the process ends.
func serveBare(addr, dir string) error {
	b := &bare{dir: dir, segments: crypto.NewSegments(crypto.BytesKey{1})}
	srv := &http.Server{Addr: addr, Handler: b, ReadHeaderTimeout: time.Minute}
	return srv.ListenAndServe()
}

// bare is the server. A file is a sequence of sealed chunks without metadata, all under one key: enough for measuring,
// but no protection.
type bare struct {
	dir      string
	segments crypto.Segments
	open     sync.Map // of paths: *sealedFile
}

// sealedFile is an open file.
type sealedFile struct {
	*os.File
	size int64 // plain
}

const (
	unitSegments = 4
	unitSize     = unitSegments * crypto.SegmentSize
	sealedUnit   = unitSegments * crypto.SealedSegmentSize
	ahead        = 4 // units under way at once
)

// unit is a buffer for some segments, sealed and opened.
type unit struct {
	sealed [sealedUnit]byte
	plain  []byte // the part of opened to send
	opened [unitSize]byte
	err    error
}

var units = sync.Pool{New: func() any { return new(unit) }}

// ServeHTTP answers GET, PUT, MKCOL and OPTIONS.
func (b *bare) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := filepath.Join(b.dir, filepath.FromSlash(r.URL.Path))
	var err error
	switch r.Method {
	case http.MethodGet:
		err = b.get(w, r, path)
	case http.MethodPut:
		if err = b.put(r, path); err == nil {
			w.WriteHeader(http.StatusCreated)
		}
	case "MKCOL":
		if err = os.Mkdir(path, 0o700); err == nil {
			w.WriteHeader(http.StatusCreated)
		}
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// file opens a file once; it stays open.
func (b *bare) file(path string) (*sealedFile, error) {
	if f, ok := b.open.Load(path); ok {
		return f.(*sealedFile), nil
	}
	f, err := os.Open(path) //nolint:gosec // the paths are the benchmark's own
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	count := (info.Size() + crypto.SealedSegmentSize - 1) / crypto.SealedSegmentSize
	now, _ := b.open.LoadOrStore(path, &sealedFile{File: f, size: info.Size() - count*crypto.TagSize})
	return now.(*sealedFile), nil
}

func (b *bare) get(w http.ResponseWriter, r *http.Request, path string) error {
	f, err := b.file(path)
	if err != nil {
		return err
	}
	from, to, code := int64(0), f.size, http.StatusOK
	if spec, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		first, last, _ := strings.Cut(spec, "-")
		from, err = strconv.ParseInt(first, 10, 64)
		if err != nil {
			return err
		}
		end, err := strconv.ParseInt(last, 10, 64)
		if err != nil {
			return err
		}
		to, code = min(end+1, f.size), http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, to-1, f.size))
	}
	w.Header().Set("Content-Length", strconv.FormatInt(to-from, 10))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.WriteHeader(code)
	return b.send(r.Context(), w, f, from, to)
}

// send opens units of segments and writes them in order, on several cores if there is more than one unit.
func (b *bare) send(ctx context.Context, w io.Writer, f *sealedFile, from, to int64) error {
	write := func(r *unit) error {
		defer units.Put(r)
		if r.err != nil {
			return r.err
		}
		_, err := w.Write(r.plain)
		return err
	}
	next := func() (at, n int64) {
		at, n = from, min(to-from, unitSize-from%crypto.SegmentSize)
		from += n
		return at, n
	}
	if to-from <= unitSize-crypto.SegmentSize {
		at, n := next()
		return write(b.fill(f, at, n))
	}
	row := make(chan chan *unit, ahead)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		defer close(row)
		for from < to {
			at, n := next()
			ready := make(chan *unit, 1)
			select {
			case row <- ready:
			case <-ctx.Done():
				return
			}
			go func() { ready <- b.fill(f, at, n) }()
		}
	}()
	for ready := range row {
		if err := write(<-ready); err != nil {
			return err
		}
	}
	return nil
}

// fill opens the segments that hold n bytes from at on.
func (b *bare) fill(f *sealedFile, at, n int64) *unit {
	r := units.Get().(*unit)
	first, last := at/crypto.SegmentSize, (at+n-1)/crypto.SegmentSize
	sealed := r.sealed[:(last-first+1)*crypto.SealedSegmentSize]
	got, err := f.ReadAt(sealed, first*crypto.SealedSegmentSize)
	if err == io.EOF { //nolint:errorlint // readers end with io.EOF itself
		err = nil
	}
	r.err, sealed = err, sealed[:got]
	opened := r.opened[:0]
	for i := first; i <= last && r.err == nil; i++ {
		piece := sealed[:min(len(sealed), crypto.SealedSegmentSize)]
		sealed = sealed[len(piece):]
		opened, r.err = b.segments.Open(opened, position(i), (i+1)*crypto.SegmentSize >= f.size, piece)
	}
	if start := at - first*crypto.SegmentSize; r.err == nil {
		r.plain = opened[start : start+n]
	}
	return r
}

func (b *bare) put(r *http.Request, path string) error {
	f, err := os.Create(path) //nolint:gosec // the paths are the benchmark's own
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	size := r.ContentLength
	buf := units.Get().(*unit)
	defer units.Put(buf)
	for i := int64(0); i*crypto.SegmentSize < size; {
		n, err := io.ReadFull(r.Body, buf.opened[:min(unitSize, size-i*crypto.SegmentSize)])
		if err != nil {
			return err
		}
		sealed := buf.sealed[:0]
		for p := buf.opened[:n]; len(p) > 0; i++ {
			segment := p[:min(len(p), crypto.SegmentSize)]
			p = p[len(segment):]
			sealed = b.segments.Seal(sealed, position(i), (i+1)*crypto.SegmentSize >= size, segment)
		}
		if _, err := f.Write(sealed); err != nil {
			return err
		}
	}
	b.open.Delete(path)
	return f.Close()
}

// position returns the index of segment i in its chunk.
func position(i int64) uint32 { return uint32(i % (crypto.ChunkSize / crypto.SegmentSize)) }
