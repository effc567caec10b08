//go:build js

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall/js"
	"time"

	"postern/crypto"
	"postern/remote"
)

const (
	// answerTime is how long one request may take.
	answerTime = time.Minute
	// firstPause comes after the first failed attempt, and doubles up to lastPause.
	firstPause, lastPause = 500 * time.Millisecond, 4 * time.Second
)

// fetchStore reads blobs and pointers from the server of the page. It implements linkview.Store.
type fetchStore struct{ base string }

// newFetchStore returns the store of a page whose worker has the given URL.
func newFetchStore(worker string) fetchStore {
	return fetchStore{worker[:strings.LastIndexByte(worker, '/')+1]}
}

// GetRange implements content.Source.
func (s fetchStore) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	if len(p) == 0 {
		return nil
	}
	return s.get(ctx, "blob/"+name.String(), fmt.Sprintf("bytes=%d-%d", off, off+int64(len(p))-1), p)
}

// Load implements base.Loader.
func (s fetchStore) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	p := make([]byte, crypto.PointerSize)
	if err := s.get(ctx, "pointer/"+id.String(), "", p); err != nil {
		return crypto.Pointer{}, err
	}
	pointer, err := crypto.ParsePointer(p)
	if err != nil {
		return pointer, fmt.Errorf("%w: %w", remote.ErrCorrupt, err)
	}
	return pointer, nil
}

// get fills p with the answer to a request, which it repeats while the server does not give it.
func (s fetchStore) get(ctx context.Context, path, ranged string, p []byte) error {
	for pause := firstPause; ; pause *= 2 {
		err := s.ask(ctx, path, ranged, p)
		if !errors.Is(err, remote.ErrUnavailable) || pause > lastPause {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// ask fills p with the answer to one request.
func (s fetchStore) ask(ctx context.Context, path, ranged string, p []byte) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	abort := js.Global().Get("AbortController").New()
	defer context.AfterFunc(ctx, func() { abort.Call("abort") })()
	headers := map[string]any{}
	if ranged != "" {
		headers["Range"] = ranged
	}
	answer, err := await(js.Global().Call("fetch", s.base+path, map[string]any{"headers": headers, "cache": "no-store",
		"credentials": "omit", "redirect": "error", "referrerPolicy": "no-referrer", "signal": abort.Get("signal")}))
	if err != nil {
		return fmt.Errorf("%w: the server of this page does not answer", remote.ErrUnavailable)
	}
	switch status := answer.Get("status").Int(); status {
	case 200, 206:
	case 404:
		return remote.ErrNotFound
	default:
		return fmt.Errorf("%w: the server of this page answers with status %d", remote.ErrUnavailable, status)
	}
	body, err := await(answer.Call("arrayBuffer"))
	if err != nil {
		return fmt.Errorf("%w: the server of this page breaks off", remote.ErrUnavailable)
	}
	if n := js.CopyBytesToGo(p, js.Global().Get("Uint8Array").New(body)); n < len(p) {
		return fmt.Errorf("%w: %d bytes instead of %d", remote.ErrCorrupt, n, len(p))
	}
	return nil
}
