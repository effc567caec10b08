package fsck

import (
	"context"
	"errors"
	"sync"

	"postern/crypto"
	"postern/remote"
)

// healer reads from the remote, past all caches. In a repair, if a blob is missing or does not open, it restores the
// blob once, from the first source that has it.
type healer struct {
	check *check

	mu    sync.Mutex
	tried map[crypto.BlobName]bool // whether the blob was restored
}

// GetRange implements tree.Source. A reader bypasses caches when the bytes it got before were not authentic.
func (h *healer) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	again := remote.IsPastCaches(ctx)
	ctx = remote.PastCaches(ctx)
	err := h.check.Store.GetRange(ctx, name, off, p)
	lost := errors.Is(err, remote.ErrNotFound) || errors.Is(err, remote.ErrCorrupt) || err == nil && again
	if !h.check.Repair || !lost || !h.heal(ctx, name) {
		return err
	}
	return h.check.Store.GetRange(ctx, name, off, p)
}

// heal reports whether it has restored the blob at the remote.
func (h *healer) heal(ctx context.Context, name crypto.BlobName) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	done, known := h.tried[name]
	if known {
		return done
	}
	done = h.put(ctx, name)
	h.tried[name] = done
	return done
}

func (h *healer) put(ctx context.Context, name crypto.BlobName) bool {
	has, err := h.check.Store.Get(ctx, name)
	if err == nil && crypto.NameOf(has) == name || errors.Is(err, remote.ErrUnavailable) {
		return false // the bytes fit the name: the reference is wrong, not the blob
	}
	for _, src := range h.check.Sources {
		blob, err := src.Get(context.WithoutCancel(ctx), name)
		if err != nil || crypto.NameOf(blob) != name {
			continue
		}
		// The remote holds other bytes under the name, and a Put would not replace them.
		if err := h.check.Store.Delete(ctx, name); err != nil {
			return false
		}
		if err := h.check.Store.Put(ctx, name, remote.BytesBody(blob)); err != nil {
			h.check.Log.Warn("a blob could not be put again", "blob", name.String(), "error", err)
			return false
		}
		h.check.mu.Lock()
		defer h.check.mu.Unlock()
		h.check.sizes[name] = int64(len(blob))
		h.check.report.Restored = append(h.check.report.Restored, name.String())
		return true
	}
	return false
}
