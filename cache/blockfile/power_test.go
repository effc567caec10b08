package blockfile

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// TestPowerLoss: nothing of the cache is synced, so after a power loss any sector of any file may be missing, old or
// zero. Each block is then intact or a miss, and can be put again.
func TestPowerLoss(t *testing.T) {
	const blocks, sector = 40, 512
	for seed := range uint64(10) {
		rnd := rand.New(rand.NewPCG(seed, 3))
		dir := t.TempDir()
		disk := opened(t, dir, Options{})
		size := func(i int) int { return 1 + i*997%20000 }
		for i := range blocks {
			put(disk, key(i), bytesOf(i, size(i)), int64(size(i)))
		}
		disk.Scanned()
		disk.Close()
		paths, err := filepath.Glob(filepath.Join(dir, "*", "*"))
		if err != nil || len(paths) != (blocks+2)/3 {
			t.Fatalf("%d files, %v", len(paths), err)
		}
		sound := map[string]bool{} // files as they were written
		for _, path := range paths {
			p, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			whole := bytes.Clone(p)
			switch rnd.IntN(4) {
			case 0: // written in time
			case 1: // the name is there, the bytes are not
				p = p[:0]
			case 2: // the length is there, some sectors are not
				for at := 0; at < len(p); at += sector {
					if rnd.IntN(2) == 0 {
						clear(p[at:min(at+sector, len(p))])
					}
				}
			case 3: // cut short
				p = p[:rnd.IntN(len(p))]
			}
			sound[path] = bytes.Equal(p, whole)
			if err := os.WriteFile(path, p, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		disk = opened(t, dir, Options{})
		disk.Scanned()
		for i := range blocks {
			data, n, ok := get(disk, key(i))
			if !ok && sound[disk.path(key(i).Blob)] {
				t.Fatalf("block %d is not found, and its file is sound", i)
			}
			if !ok {
				continue
			}
			if want := bytesOf(i, size(i)); !bytes.Equal(data, want) || n != int64(len(want)) {
				t.Fatalf("block %d has %d other bytes", i, len(data))
			}
		}
		for i := range blocks {
			put(disk, key(i), bytesOf(i, size(i)), int64(size(i)))
		}
		disk.Scanned()
		for i := range blocks {
			if data, _, ok := get(disk, key(i)); !ok || !bytes.Equal(data, bytesOf(i, size(i))) {
				t.Fatalf("block %d is not found after it was put again", i)
			}
		}
		disk.Close()
	}
}
