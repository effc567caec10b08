package space_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/localfs/simfs"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/namespace"
	"postern/vfs/object"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/vfstest"
)

const (
	killedIn = "POSTERN_TEST_KILLED_IN"     // the folder that a child process works in
	killedOf = "POSTERN_TEST_KILLED_SEED"   // the seed of its changes, and when it is killed
	rounds   = "POSTERN_TEST_KILLED_ROUNDS" // how often TestKilled kills a child; unset: some seconds' worth
)

// mounted are the places of a home's spaces in the drive, by the numbers of the spaces. Space 1 is the own one.
var mounted = map[byte]string{1: "/files", 2: "/files/team", 3: "/shared/x"}

// spaceOf returns the space that a path of the drive lies in.
func spaceOf(path string) byte {
	for _, n := range []byte{3, 2} {
		if strings.HasPrefix(path, mounted[n]+"/") {
			return n
		}
	}
	return 1
}

// killedHome is a home with three spaces and their remote, on a disk.
type killedHome struct {
	account crypto.AccountSecret
	folder  string
	close   []func() error
	own     *space.Space
	spaces  []*space.Space
	drive   *namespace.Drive
}

// openKilled opens a home, and makes its spaces if there are none.
func openKilled(
	folder, name string, device byte, system *simfs.Watched, commit time.Duration,
) (h *killedHome, err error) {
	ctx := context.Background()
	h = &killedHome{account: crypto.AccountSecret{42}, folder: folder}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.end())
		}
	}()
	o := space.Options{
		Keys: base.Own(h.account), Dir: filepath.Join(folder, name),
		Device:      space.Device{ID: object.DeviceID{device}, Name: name},
		Deadlines:   remote.Deadlines{Commit: commit, Again: time.Millisecond, MaxAgain: 10 * time.Millisecond},
		CompactFrom: 1,
	}
	var d *disk.Store
	if system == nil {
		d, err = disk.Open(filepath.Join(folder, "remote"), disk.Options{})
	} else {
		o.FS = system
		d, err = disk.Open(filepath.Join(folder, "remote"), disk.Options{System: system})
	}
	if err != nil {
		return h, err
	}
	h.close = append(h.close, d.Close)
	o.Store = verify.New(d, &verify.MemoryPins{})
	for n := range mounted {
		err := space.Create(ctx, o.Store, keysOf(h.account, n), o.Device, rand.Reader, time.Now())
		if err != nil && !errors.Is(err, remote.ErrConflict) {
			return h, err
		}
	}
	if h.own, err = space.Open(ctx, o); err != nil {
		return h, err
	}
	h.close, h.spaces = append(h.close, h.own.Close), append(h.spaces, h.own)
	h.drive = namespace.New(namespace.Options{Made: time.Unix(0, 0)},
		map[string]vfs.FS{"files": h.own, "shared": namespace.Folder(time.Unix(0, 0))})
	for _, n := range []byte{2, 3} {
		s, err := h.own.Home().Open(ctx, space.Options{Store: o.Store, Keys: keysOf(h.account, n)})
		if err == nil {
			h.close, h.spaces = append(h.close, s.Close), append(h.spaces, s)
			err = h.drive.Mount(mounted[n], s)
		}
		if err != nil {
			return h, err
		}
	}
	return h, nil
}

func (h *killedHome) end() error {
	var errs []error
	for _, do := range slices.Backward(h.close) {
		errs = append(errs, do())
	}
	return errors.Join(errs...)
}

func (h *killedHome) flush() error {
	var errs []error
	for _, s := range h.spaces {
		errs = append(errs, s.Flush(context.Background()))
	}
	return errors.Join(errs...)
}

// files returns the files of the drive by path.
func (h *killedHome) files() (map[string]string, error) {
	all := map[string]string{}
	for folders := []string{"/files", "/shared"}; len(folders) > 0; folders = folders[1:] {
		for e, err := range h.drive.List(context.Background(), folders[0]) {
			if err != nil {
				return nil, err
			}
			at := path.Join(folders[0], e.Name)
			if e.Folder {
				folders = append(folders, at)
				continue
			}
			f, err := h.drive.Open(context.Background(), at)
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(f)
			if err = errors.Join(err, f.Close()); err != nil {
				return nil, fmt.Errorf("read %s: %w", at, err)
			}
			all[at] = string(body)
		}
	}
	return all, nil
}

// change is a change of the drive that a child makes.
type change struct {
	Op       string // put, mkdir, move, copy, remove, flush
	From, To string
	Body     uint64 // of a put: what it writes
	Space    int    // of a flush: which of the open spaces
}

// body returns what a put writes. Some bodies are staged, the others lie in the journal.
func (c change) body() []byte {
	size := 1 + int(c.Body%3000)
	if c.Body%9 == 0 {
		size += content.SmallLimit
	}
	return bytes.Repeat(fmt.Appendf(nil, "%d,", c.Body), size/10+1)
}

// apply makes the change in a model of the drive.
func (c change) apply(was map[string]string) map[string]string {
	is := maps.Clone(was)
	switch c.Op {
	case "put":
		is[c.To] = string(c.body())
	case "remove", "move", "copy":
		for at, body := range was {
			rest, within := strings.CutPrefix(at+"/", c.From+"/")
			if !within {
				continue
			}
			if c.Op != "copy" {
				delete(is, at)
			}
			if c.Op != "remove" {
				is[strings.TrimSuffix(c.To+"/"+rest, "/")] = body
			}
		}
	}
	return is
}

// spare deletes from files those with a body that the change removes or replaces somewhere.
func (c change) spare(was, files map[string]string) {
	is := c.apply(was)
	for at, body := range was {
		moved := c.Op == "move" && strings.HasPrefix(at+"/", c.From+"/")
		if is[at] != body && !moved {
			maps.DeleteFunc(files, func(_, other string) bool { return other == body })
		}
	}
}

// make makes the change. The error is vfs.ErrUnavailable if it is impossible until spaces are committed.
func (c change) make(ctx context.Context, h *killedHome) (err error) {
	switch c.Op {
	case "put":
		return tryPut(ctx, h.drive, c.To, c.body())
	case "mkdir":
		return h.drive.Mkdir(ctx, c.To, nil)
	case "move":
		_, err = h.drive.Move(ctx, c.From, c.To, vfs.CopyOptions{Replace: true})
	case "copy":
		_, err = h.drive.Copy(ctx, c.From, c.To, vfs.CopyOptions{Replace: true})
	case "remove":
		return h.drive.Remove(ctx, c.From, nil)
	case "flush":
		return h.spaces[c.Space].Flush(ctx)
	}
	return err
}

// random returns a random change of what is there. Two thirds are moves and copies, most of them between spaces.
func random(rnd *mathrand.Rand, there map[string]string) change {
	names := slices.Sorted(maps.Keys(there))
	fresh := func(kind string) string {
		return fmt.Sprintf("%s/%s%x", mounted[1+byte(rnd.IntN(len(mounted)))], kind, rnd.Uint32())
	}
	kind := rnd.IntN(12)
	switch {
	case len(names) < 6 || kind < 2 && len(names) < 30:
		to := fresh("f")
		if len(names) > 0 && kind == 0 {
			to = path.Dir(names[rnd.IntN(len(names))]) + to[strings.LastIndexByte(to, '/'):] // in a folder, if there is one
		}
		return change{Op: "put", To: to, Body: rnd.Uint64N(1 << 40)}
	case kind < 3:
		return change{Op: "mkdir", To: fresh("d")}
	case kind < 4:
		return change{Op: "flush", Space: rnd.IntN(len(mounted))}
	case kind < 5 || len(names) > 30:
		return change{Op: "remove", From: names[rnd.IntN(len(names))]}
	}
	c := change{Op: "move", From: names[rnd.IntN(len(names))], To: fresh("m")}
	if folder := path.Dir(c.From); kind == 5 && folder != mounted[spaceOf(c.From)] {
		c.From = folder
	} else if other := names[rnd.IntN(len(names))]; kind == 6 && other != c.From {
		c.To = other // replaces a file
	}
	if kind < 8 {
		c.Op = "copy"
	}
	return c
}

// workUntilKilled changes the drive of the folder until it kills itself, after a random number of steps of the file
// system, and prints each change before and after it makes it.
func workUntilKilled(folder string, seed uint64) error {
	rnd := mathrand.New(mathrand.NewPCG(seed, 3))
	var left atomic.Int64
	left.Store(1 + rnd.Int64N(1+rnd.Int64N(1500)))
	self, err := os.FindProcess(os.Getpid())
	if err != nil {
		return err
	}
	system, err := simfs.Watch(folder, func() {
		if left.Add(-1) == 0 {
			_ = self.Kill()
			select {}
		}
	})
	if err != nil {
		return err
	}
	commit := time.Millisecond
	if seed%2 == 0 {
		commit = time.Hour // only a flush commits
	}
	h, err := openKilled(folder, "laptop", 1, system, commit)
	if err != nil {
		return err
	}
	there, err := h.files()
	if err != nil {
		return err
	}
	for out := json.NewEncoder(os.Stdout); ; {
		c := random(rnd, there)
		if err := out.Encode(c); err != nil {
			return err
		}
		err := c.make(context.Background(), h)
		if err == nil {
			there = c.apply(there)
		} else if !errors.Is(err, vfs.ErrUnavailable) {
			return fmt.Errorf("%+v: %w", c, err)
		}
		if encode := out.Encode(err == nil); encode != nil {
			return encode
		}
		if err != nil { // a move in the other direction, or of a folder, has to wait
			if err := h.flush(); err != nil {
				return err
			}
		}
	}
}

// TestKilled kills processes that change three spaces of one home, with moves and copies between them, at any step of
// their work and that of their commits. Each change that was acknowledged is there afterwards, and the one under way
// has happened or not. At the remote, nothing that was there and was not removed is missing at any time; it would be if
// a space were committed without waiting for those that it moved something to.
func TestKilled(t *testing.T) {
	n := 20
	if testing.Short() || vfstest.UnderRace {
		n = 4
	}
	if more := os.Getenv(rounds); more != "" {
		var err error
		if n, err = strconv.Atoi(more); err != nil {
			t.Fatal(err)
		}
	}
	folder, state := t.TempDir(), map[string]string{}
	made, between := 0, 0
	for round := range n {
		changes, under := killOne(t, folder, uint64(round))
		after := state
		kept := maps.Clone(state) // at the remote, and neither removed nor replaced since, not even a copy of it
		for _, c := range changes {
			c.spare(after, kept)
			after = c.apply(after)
			if c.Op == "move" && spaceOf(c.From) != spaceOf(c.To) {
				between++
			}
		}
		made += len(changes)
		allowed := []map[string]string{after}
		if under != nil {
			under.spare(after, kept)
			allowed = append(allowed, under.apply(after))
		}
		alone := view(t, folder, fmt.Sprint("alone", round), 2, false)
		left := map[string]int{} // copies of each body
		for _, body := range alone {
			left[body]++
		}
		for at, body := range kept {
			if left[body]--; left[body] < 0 {
				t.Errorf("round %d: %s, which nobody removed, or a copy of it, is missing at the remote", round, at)
			}
		}
		state = view(t, folder, "laptop", 1, true)
		if !slices.ContainsFunc(allowed, func(m map[string]string) bool { return maps.Equal(m, state) }) {
			t.Fatalf("round %d: there is %v; acknowledged was %v; under way was %+v", round, sizes(state), sizes(after), under)
		}
		if fresh := view(t, folder, fmt.Sprint("fresh", round), 3, false); !maps.Equal(fresh, state) {
			t.Fatalf("round %d: the remote has %v instead of %v", round, sizes(fresh), sizes(state))
		}
	}
	t.Logf("%d changes, %d moves between spaces, %d files in the end", made, between, len(state))
}

// view returns the files of the drive as a device sees it, which may commit its changes.
func view(t *testing.T, folder, name string, device byte, commit bool) map[string]string {
	t.Helper()
	h, err := openKilled(folder, name, device, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	there, err := h.files()
	if err == nil && commit {
		err = h.flush()
	}
	if err = errors.Join(err, h.end()); err != nil {
		t.Fatal(err)
	}
	return there
}

// killOne runs a process until it is killed, and returns the changes that it acknowledged, and the one under way.
func killOne(t *testing.T, folder string, seed uint64) (acknowledged []change, under *change) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), killedIn+"="+folder, fmt.Sprint(killedOf, "=", seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if under == nil {
			under = &change{}
			if err := json.Unmarshal(lines.Bytes(), under); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if lines.Text() == "true" {
			acknowledged = append(acknowledged, *under)
		}
		under = nil
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
		t.Fatalf("the process was not killed: %v", err)
	}
	return acknowledged, under
}
