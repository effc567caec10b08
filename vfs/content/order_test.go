package content

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote/localfs/simfs"
	"postern/vfs/journal"
	"postern/vfs/staging"
)

// TestAcknowledgedFilesSurvive writes files as a space does: it seals the batch, appends the record, and syncs, on one
// simulated disk. It cuts the power at any moment, and reads every acknowledged file.
func TestAcknowledgedFilesSurvive(t *testing.T) {
	key := func(salt [32]byte) crypto.FrameKey { return crypto.AccountSecret{1}.Frames(salt) }
	rapid.Check(t, func(t *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		sim := simfs.New()
		sim.MkdirAll("/home")
		area, err := staging.Open("/home/staging", staging.Options{FS: sim})
		if err != nil {
			t.Fatal(err)
		}
		j, err := journal.Open("/home/journal", key, journal.Options{FS: sim})
		if err != nil {
			t.Fatal(err)
		}
		ctx := context.Background()
		type file struct {
			res  Result
			body []byte
		}
		files := map[uint64]file{}
		var acked uint64
		for range rapid.IntRange(1, 5).Draw(t, "files") {
			body := randomBytes(rnd.IntN(SmallLimit * 2))
			batch := area.Begin()
			w := NewWriter(ctx, batch, WriterOptions{Budget: NewBudget(int64(rnd.IntN(2)) << 30)})
			w.Write(body)
			res, err := w.Finish()
			if err == nil {
				err = batch.Seal(ctx)
			}
			if err != nil {
				t.Fatal(err)
			}
			seq, err := j.Append(fmt.Append(nil, len(files)), res.Piece)
			if err != nil {
				t.Fatal(err)
			}
			batch.Done()
			files[seq] = file{res, body}
			if rnd.IntN(2) == 0 {
				if err := j.Sync(ctx, seq); err != nil {
					t.Fatal(err)
				}
				acked = seq
			}
		}
		for range 3 {
			after := sim.PowerLoss(rnd)
			area, err := staging.Open("/home/staging", staging.Options{FS: after})
			if err != nil {
				t.Fatal(err)
			}
			j, err := journal.Open("/home/journal", key, journal.Options{FS: after})
			if err != nil {
				t.Fatal(err)
			}
			last := uint64(0)
			if err := j.Replay(func(r journal.Record) error {
				last = r.Seq
				s := &store{Area: area, pieces: map[crypto.BlobName][]byte{}}
				if r.Size > 0 {
					if s.pieces[r.Attachment], err = j.Attachment(r.Attachment); err != nil {
						return err
					}
				}
				f := files[r.Seq]
				rd, err := NewReader(ctx, s, f.res.Content, f.res.Sums.Size, ReaderOptions{})
				if err != nil {
					return err
				}
				defer rd.Close()
				var got bytes.Buffer
				if _, err := rd.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), f.body) {
					return fmt.Errorf("file %d: %d bytes: %v", r.Seq, got.Len(), err)
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			if last < acked {
				t.Fatalf("%d was acknowledged, %d is the last there", acked, last)
			}
		}
	})
}
