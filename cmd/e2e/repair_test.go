//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// The number of killed repairs; each takes about a second, in a bucket some seconds.
const (
	repairRounds         = 20
	repairRoundsInBucket = 3
)

// TestKillRepair damages the remote and kills the repair at random moments, with a running gateway and without. Each
// time the drive opens, every undamaged file reads as before, and a repair that then completes has the same result as
// one that was never killed.
func TestKillRepair(t *testing.T) {
	g := serve(t, "--log", "error")
	repairKilled(t, g, filepath.Join(g.home, "remote"), repairRounds)
}

// TestKillRepairInBucket is TestKillRepair with the drive in a bucket.
func TestKillRepairInBucket(t *testing.T) {
	g, objects := serveInBucket(t)
	repairKilled(t, g, objects, repairRoundsInBucket)
}

// repairKilled is TestKillRepair for a fresh drive whose remote's files are in the folder store.
func repairKilled(t *testing.T, g *gateway, store string, rounds int) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	g.env = []string{"POSTERN_CACHE_MEMORY=off", "POSTERN_CACHE_DISK=off"}
	g.stop()
	g.start()
	for folder := range 8 {
		g.must("MKCOL", fmt.Sprintf("/files/d%02d", folder), nil)
		for file := range 24 {
			size := []int{100, 3000, 60_000}[file%3]
			if file == 0 {
				size = 1 << 20 // a blob of its own
			}
			g.must(http.MethodPut, fmt.Sprintf("/files/d%02d/f%02d.bin", folder, file),
				bytes.NewReader(stamped(folder, file, size)))
		}
		if out, err := g.postern("flush"); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	whole := holdings(g, "/files/")
	g.stop()
	home := g.home
	damaged := damage(t, random, filepath.Join(store, "blobs"))
	saved, away := filepath.Join(t.TempDir(), "store"), !strings.HasPrefix(store, home)
	if away {
		runs(t, "", "cp", "-a", store, saved)
	}

	at := func(name string) {
		g.home = filepath.Join(t.TempDir(), name)
		runs(t, "", "cp", "-a", home, g.home) // -a also copies the files' modes and attributes
		if away {
			runs(t, "", "rm", "-r", store)
			runs(t, "", "cp", "-a", saved, store)
		}
	}
	at("undisturbed")
	g.start()
	sound := map[string]string{} // the undamaged files
	for path, is := range holdings(g, "/files/") {
		if whole[path] == is {
			sound[path] = is
		}
	}
	g.stop()
	began := time.Now()
	repairDone(g)
	took := time.Since(began)
	g.start()
	want := holdings(g, "/files/")
	g.stop()
	kept(t, "undisturbed", sound, want)
	t.Logf("%d of %d paths are sound, %d after the repair, which took %v; %d blobs were damaged", len(sound), len(whole),
		len(want), took, damaged)
	if len(sound) == len(whole) || len(sound) == 0 {
		t.Fatal("the test proves nothing")
	}
	for round := range rounds {
		at(fmt.Sprint("round ", round))
		for range 1 + random.IntN(3) {
			killRepair(g, round%2 == 0, time.Duration(random.Int64N(int64(took))))
		}
		g.start()
		kept(t, fmt.Sprintf("round %d, killed", round), sound, holdings(g, "/files/"))
		g.stop()
		repairDone(g)
		g.start()
		if got := holdings(g, "/files/"); !maps.Equal(got, want) {
			t.Errorf("round %d: %s", round, apart(got, want))
		}
		g.stop()
		if out, err := g.postern("fsck", "--read-data"); err != nil {
			t.Errorf("round %d: the drive is still damaged: %v %s", round, err, out)
		}
		if t.Failed() {
			return
		}
	}
}

// killRepair starts a repair and kills the process that does it after a while: the command, or a gateway.
func killRepair(g *gateway, serving bool, after time.Duration) {
	g.t.Helper()
	if serving {
		g.start()
	}
	cmd, kill := g.begin(serving, "fsck", "--read-data", "--repair")
	<-time.After(after)
	kill()
	_ = cmd.Wait() // killed, or ended because of the damage
}

// repairDone repairs until nothing is left to do. The first run fails if it reports permanent damage; the second
// succeeds.
func repairDone(g *gateway) {
	g.t.Helper()
	if _, err := g.postern("fsck", "--read-data", "--repair"); err == nil {
		return
	}
	if out, err := g.postern("fsck", "--read-data", "--repair"); err != nil {
		g.t.Fatalf("repaired, and still: %v %s", err, out)
	}
}

// damage deletes some blobs, flips a bit in others, and returns their number. It spares the newest, which holds the
// commit.
func damage(t *testing.T, random *rand.Rand, blobs string) int {
	t.Helper()
	all := blobFiles(t, blobs)
	slices.SortFunc(all, func(a, b blobFile) int { return a.ModTime().Compare(b.ModTime()) })
	newest := all[len(all)-1].ModTime() // several blobs may have it, since clocks of filesystems are coarse
	all = slices.DeleteFunc(all, func(b blobFile) bool { return b.ModTime().Equal(newest) })
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	n := len(all) / 3
	for i, b := range all[:n] {
		var err error
		switch i % 3 {
		case 0:
			err = os.Remove(b.path)
		case 1:
			err = flip(b.path, b.Size()/2)
		case 2: // the header of a chunk
			err = flip(b.path, 0)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// blobFile is the file of a blob at the remote.
type blobFile struct {
	path string
	fs.FileInfo
}

// blobFiles returns the files below a folder. Those that disappear meanwhile are left out.
func blobFiles(t *testing.T, folder string) (all []blobFile) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		all = append(all, blobFile{path, info})
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return all
}

func flip(path string, at int64) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	data[at] ^= 1
	return os.WriteFile(path, data, 0o600)
}

// dated matches the day and time in the names that a repair creates.
var dated = regexp.MustCompile(`\d{4}-\d{2}-\d{2}(%20\d{6})?`)

// holdings reads everything below a folder, given escaped and with a slash at its end. It returns contents or failures
// by path, with days replaced by DAY.
func holdings(g *gateway, folder string) map[string]string {
	g.t.Helper()
	var listing struct {
		Responses []struct {
			Href string `xml:"DAV: href"`
		} `xml:"DAV: response"`
	}
	found := map[string]string{}
	code, answer, err := g.do("PROPFIND", folder, nil, "Depth", "1")
	if err == nil {
		err = xml.Unmarshal(answer, &listing)
	}
	if err != nil || code != http.StatusMultiStatus {
		found[dated.ReplaceAllString(folder, "DAY")] = fmt.Sprintf("%d, cut: %t", code, err != nil)
	}
	for _, r := range listing.Responses {
		if len(r.Href) <= len(folder) {
			continue
		}
		if strings.HasSuffix(r.Href, "/") {
			found[dated.ReplaceAllString(r.Href, "DAY")] = "a folder"
			maps.Copy(found, holdings(g, r.Href))
			continue
		}
		code, body, err := g.do(http.MethodGet, r.Href, nil)
		is := fmt.Sprintf("%d, %x", code, sha256.Sum256(body))
		if err != nil { // how much comes before the damage depends on what was read ahead
			is = fmt.Sprintf("%d, cut, right so far: %t", code, stampedSoFar(body))
		}
		found[dated.ReplaceAllString(r.Href, "DAY")] = is
	}
	return found
}

// stampedSoFar reports whether a body is the beginning of one that stamped returns.
func stampedSoFar(b []byte) bool {
	b = b[:len(b)/16*16]
	if len(b) == 0 {
		return true
	}
	folder, file := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	return bytes.Equal(b, stamped(int(folder), int(file), len(b)))
}

// kept fails the test unless every undamaged file reads as before.
func kept(t *testing.T, when string, sound, now map[string]string) {
	t.Helper()
	for path, is := range sound {
		if now[path] != is {
			t.Errorf("%s: %s was sound, and is lost: %q", when, path, now[path])
		}
	}
}

// apart returns the differences between two drives by path.
func apart(got, want map[string]string) string {
	var lines []string
	for path, is := range got {
		if want[path] != is {
			lines = append(lines, fmt.Sprintf("has   %s: %s", path, is))
		}
	}
	for path, is := range want {
		if got[path] != is {
			lines = append(lines, fmt.Sprintf("lacks %s: %s", path, is))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
