package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"testing"

	"postern/remote/localfs/simfs"
)

// TestTrimDuringReplay trims the journal while it is replayed. The replay shows all records that stay, in order,
// whether or not it has begun to read a file that is removed.
func TestTrimDuringReplay(t *testing.T) {
	const last, trimmed = 200, 150
	for _, at := range []uint64{1, 40, trimmed, last} {
		t.Run(fmt.Sprint("at record ", at), func(t *testing.T) {
			j := open(t, simfs.New())
			add(t, j, 0, last) // many files
			var got []uint64
			err := j.Replay(func(r Record) error {
				got = append(got, r.Seq)
				if r.Seq == at {
					return j.Trim(trimmed)
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			from, found := slices.BinarySearch(got, trimmed+1)
			if stay := got[from:]; !slices.IsSorted(got) || !found || len(stay) != last-trimmed || stay[len(stay)-1] != last {
				t.Errorf("it shows %v", got)
			}
			err = j.Replay(func(Record) error { return fmt.Errorf("another file: %w", fs.ErrClosed) })
			if !errors.Is(err, fs.ErrClosed) {
				t.Errorf("an error of the caller: %v", err)
			}
			if err := j.Close(); err != nil {
				t.Error(err)
			}
			if err := j.Replay(func(Record) error { return nil }); !errors.Is(err, fs.ErrClosed) {
				t.Errorf("a closed journal: %v", err)
			}
		})
	}
}
