package localfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"

	"postern/remote/localfs"
	"postern/remote/localfs/simfs"
)

// TestReplaceUnderFaults: whichever step fails, and whenever the power fails then, the file has either the old or the
// new contents; after a success it has the new ones.
func TestReplaceUnderFaults(t *testing.T) {
	const path = "/d/state"
	ill := errors.New("the disk is ill")
	old, replaced := bytes.Repeat([]byte("old "), 1000), bytes.Repeat([]byte("new!"), 1500)
	faults := map[string]struct {
		set  func(*simfs.FS)
		seen []byte // by the process afterwards
	}{
		"none":           {func(*simfs.FS) {}, replaced},
		"file sync":      {func(s *simfs.FS) { s.FailSyncsOf(failing(".tmp", ill)) }, old},
		"directory sync": {func(s *simfs.FS) { s.FailSyncsOf(failing("/d", ill)) }, replaced},
		"full disk":      {func(s *simfs.FS) { s.SetCapacity(s.Used() + 3000) }, old},
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(40) {
				disk := simfs.New()
				must(t, disk.MkdirAll("/d"))
				must(t, localfs.Replace(disk, path, old))
				fault.set(disk)
				err := localfs.Replace(disk, path, replaced)
				if (err == nil) != (name == "none") {
					t.Fatalf("replace: %v", err)
				}
				if got := contents(t, disk, path); !bytes.Equal(got, fault.seen) {
					t.Fatalf("it has %d bytes that begin with %.4s", len(got), got)
				}
				after := contents(t, disk.PowerLoss(rand.New(rand.NewPCG(seed, 0))), path)
				switch {
				case bytes.Equal(after, fault.seen):
				case name == "directory sync" && bytes.Equal(after, old):
				default:
					t.Fatalf("after a power loss it has %d bytes that begin with %.4s", len(after), after)
				}
				disk.FailSyncsOf(nil)
				disk.SetCapacity(-1)
				must(t, localfs.Replace(disk, path, replaced))
				if got := contents(t, disk.PowerLoss(rand.New(rand.NewPCG(seed, 1))), path); !bytes.Equal(got, replaced) {
					t.Fatalf("once the disk is well it has %d bytes", len(got))
				}
				if _, err := disk.Open(path + ".tmp"); !errors.Is(err, fs.ErrNotExist) {
					t.Fatalf("a temporary file is left: %v", err)
				}
			}
		})
	}
}

func failing(suffix string, err error) func(string) error {
	return func(path string) error {
		if strings.HasSuffix(path, suffix) {
			return err
		}
		return nil
	}
}

func contents(t *testing.T, f localfs.FS, path string) []byte {
	t.Helper()
	p, err := localfs.Read(f, path)
	must(t, err)
	return p
}
