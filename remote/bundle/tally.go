package bundle

import (
	"context"
	"sync"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// tally counts progress and passes it on.
type tally struct {
	mu   sync.Mutex
	at   transfer.Progress
	tell func(transfer.Progress) // may be nil
}

// add updates the progress.
func (t *tally) add(note func(at *transfer.Progress)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	note(&t.at)
	if t.tell != nil {
		t.tell(t.at)
	}
}

// place puts one blob into the store unless it is there.
func (t *tally) place(ctx context.Context, to remote.Store, blob Blob, readBack bool) error {
	have, err := transfer.SizeAt(ctx, to, blob.Name)
	if err != nil {
		return err
	}
	if have == blob.Size {
		good := true
		if readBack {
			if good, err = transfer.Intact(ctx, to, blob.Name); err != nil {
				return err
			}
		}
		if good {
			t.add(func(at *transfer.Progress) { at.Skipped++; at.SkippedBytes += blob.Size })
			return nil
		}
	}
	data, err := blob.Load()
	if err != nil {
		return err
	}
	if err := transfer.Place(ctx, to, blob.Name, data, have, readBack); err != nil {
		return err
	}
	t.add(func(at *transfer.Progress) { at.Copied++; at.CopiedBytes += blob.Size })
	return nil
}

// fetched is a blob to be written to a bundle.
type fetched struct {
	name crypto.BlobName
	data []byte
	err  error
}
