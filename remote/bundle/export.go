package bundle

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"

	"postern/crypto"
	"postern/remote"
	"postern/remote/transfer"
)

// ExportOptions are the choices of Export. The zero value works.
type ExportOptions struct {
	Workers    int                     // blobs fetched at a time; 0: DefaultWorkers
	TotalBlobs int64                   // for Progress; 0: unknown
	TotalBytes int64                   // likewise
	Mail       transfer.Mail           // letters and records of names to add to Contents.Mail
	Log        *slog.Logger            // for letters that are left out; nil: no log
	Progress   func(transfer.Progress) // called after every blob
}

// Export writes a bundle of the given pointers and blobs, in their order. The caller must have loaded the pointers
// before it chose the blobs. Export returns its progress also with an error; its output is then an incomplete bundle.
// Errors: those of the store, ErrCorrupt for a blob whose bytes do not fit its name, and those of w.
func Export(ctx context.Context, from remote.Store, w io.Writer, c Contents, blobs iter.Seq2[crypto.BlobName, error],
	o ExportOptions) (transfer.Progress, error) {
	t := o.tally()
	buffered := bufio.NewWriterSize(w, bufferSize)
	c, err := o.collect(ctx, from, c)
	var out *Writer
	if err == nil {
		out, err = NewWriter(buffered, c)
	}
	if err == nil {
		err = out.export(ctx, from, blobs, o, t)
	}
	if err == nil {
		err = flush(buffered)
	}
	return t.at, err
}

// collect adds the letters and records of names to the contents, as many as a bundle may have.
func (o ExportOptions) collect(ctx context.Context, from remote.Store, c Contents) (Contents, error) {
	log := o.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c.Mail = slices.Clip(c.Mail)
	left := 0
	for item, err := range o.Mail.Fetch(ctx, from, log) {
		switch {
		case err != nil:
			return c, err
		case item.Letter != nil && len(c.Mail) >= maxMail-len(o.Mail.Names):
			left++
		default:
			c.Mail = append(c.Mail, item)
		}
	}
	if left > 0 {
		log.Warn("the inboxes hold more letters than a bundle may have, so some are left out", "letters", left)
	}
	return c, nil
}

// tally returns a tally with the options' totals.
func (o ExportOptions) tally() *tally {
	t := &tally{at: transfer.Progress{TotalBlobs: -1, TotalBytes: -1}, tell: o.Progress}
	if o.TotalBlobs > 0 {
		t.at.TotalBlobs = o.TotalBlobs
	}
	if o.TotalBytes > 0 {
		t.at.TotalBytes = o.TotalBytes
	}
	return t
}

func flush(w *bufio.Writer) error {
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write bundle: %w", err)
	}
	return nil
}

// export writes the blobs and the end record.
func (b *Writer) export(ctx context.Context, from remote.Blobs, blobs iter.Seq2[crypto.BlobName, error],
	o ExportOptions, t *tally) error {
	if o.Workers <= 0 {
		o.Workers = DefaultWorkers
	}
	for blob := range inOrder(ctx, from, blobs, o.Workers) {
		if blob.err != nil {
			return blob.err
		}
		if err := b.Blob(blob.name, blob.data); err != nil {
			return err
		}
		t.add(func(at *transfer.Progress) { at.Copied++; at.CopiedBytes += int64(len(blob.data)) })
	}
	if err := remote.Alive(ctx, "export", bundle{}); err != nil {
		return err
	}
	if err := b.Close(); err != nil {
		return err
	}
	for _, item := range b.mail {
		t.add(item.Count)
	}
	return nil
}

// inOrder fetches several blobs at a time and yields them in the order of their names. All its goroutines end with it.
func inOrder(ctx context.Context, from remote.Blobs, names iter.Seq2[crypto.BlobName, error],
	workers int) iter.Seq[fetched] {
	return func(yield func(fetched) bool) {
		ctx, stop := context.WithCancel(ctx)
		var under []chan fetched // fetches in progress, oldest first
		defer func() {
			stop()
			for _, one := range under {
				<-one
			}
		}()
		take := func() bool {
			blob := <-under[0]
			under = under[1:]
			return yield(blob) && blob.err == nil
		}
		for name, err := range names {
			one := make(chan fetched, 1)
			under = append(under, one)
			if err != nil {
				one <- fetched{name: name, err: err}
				break
			}
			go func() {
				data, err := transfer.Fetch(ctx, from, name)
				one <- fetched{name, data, err}
			}()
			if len(under) >= workers && !take() {
				return
			}
		}
		for len(under) > 0 {
			if !take() {
				return
			}
		}
	}
}
