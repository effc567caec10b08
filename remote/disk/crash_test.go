package disk_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
)

// The environment variables that turn this test binary into one of the processes below.
const (
	envRole   = "POSTERN_DISK_TEST_ROLE"
	envFolder = "POSTERN_DISK_TEST_FOLDER"
	envSeed   = "POSTERN_DISK_TEST_SEED"
)

func TestMain(m *testing.M) {
	role, ok := map[string]func(folder string, seed uint64, out io.Writer) error{
		"writer": writeForEver,
		"rival":  rival,
		"served": served,
	}[os.Getenv(envRole)]
	if !ok {
		os.Exit(m.Run())
	}
	seed, err := strconv.ParseUint(os.Getenv(envSeed), 10, 64)
	if err == nil {
		err = role(os.Getenv(envFolder), seed, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// child starts a process.
func child(t *testing.T, role, folder string, seed int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), envRole+"="+role, envFolder+"="+folder, fmt.Sprint(envSeed, "=", seed))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// writerKey is the key of the pointer that all processes move.
var writerKey = crypto.NewWriterKey([32]byte{42})

// linkable is a Linker over a synced file, like those of staging.
type linkable struct{ path string }

func (l linkable) Size() int64 {
	info, err := os.Stat(l.path)
	if err != nil {
		return -1
	}
	return info.Size()
}
func (l linkable) Open() (io.ReadCloser, error) { return os.Open(l.path) }
func (l linkable) LinkTo(path string) error     { return os.Link(l.path, path) }

// writeForEver puts blobs, half of them by links, and moves the pointer, from several goroutines, and reports each step
// in a line, until it is killed.
func writeForEver(folder string, seed uint64, out io.Writer) error {
	s, err := disk.Open(folder, disk.Options{})
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, a ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintf(out, format+"\n", a...)
	}
	failed := make(chan error)
	for i := range uint64(3) {
		go func() { failed <- putForEver(s, filepath.Dir(folder), rand.New(rand.NewPCG(seed, i)), say) }()
	}
	go func() { failed <- swapForEver(s, say) }()
	return <-failed
}

func putForEver(s *disk.Store, staging string, random *rand.Rand, say func(string, ...any)) error {
	for n := 0; ; n++ {
		data := make([]byte, 1+random.IntN(1<<20))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		name := crypto.NameOf(data)
		var body remote.Body = remote.BytesBody(data)
		if n%2 == 1 {
			path := filepath.Join(staging, name.String())
			if err := os.WriteFile(path, data, 0o600); err != nil {
				return err
			}
			body = linkable{path}
		}
		if err := s.Put(context.Background(), name, body); err != nil {
			return err
		}
		say("put %v", name)
	}
}

func swapForEver(s *disk.Store, say func(string, ...any)) error {
	ctx := context.Background()
	for {
		p, err := s.Load(ctx, writerKey.ID())
		var old crypto.PointerHash
		if err == nil {
			old = p.Hash()
		} else if !errors.Is(err, remote.ErrNotFound) {
			return err
		}
		next := writerKey.Sign(p.Seq+1, crypto.PointerValue{byte(p.Seq)})
		if err := s.Swap(ctx, old, next); err != nil {
			return err
		}
		say("swap %d", next.Seq)
	}
}

// TestKilled repeatedly kills a writing process at a random moment: everything that it had reported is there, and
// nothing is incomplete.
func TestKilled(t *testing.T) {
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	ctx := t.Context()
	folder := filepath.Join(t.TempDir(), "store")
	random := rand.New(rand.NewPCG(1, 2))
	promised := map[crypto.BlobName]bool{}
	var seq uint64
	for round := range rounds {
		cmd, lines := child(t, "writer", folder, round)
		for range 1 + random.IntN(60) {
			if !lines.Scan() {
				t.Fatal("the writer ended by itself")
			}
			seq = note(t, lines.Text(), promised, seq)
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // the lines before its death
			seq = note(t, lines.Text(), promised, seq)
		}
		_ = cmd.Wait() // its error is that it was killed

		s, err := disk.Open(folder, disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		there := map[crypto.BlobName]bool{}
		for info, err := range s.List(ctx) {
			if err != nil {
				t.Fatal(err)
			}
			data, err := s.Get(ctx, info.Name)
			if err != nil {
				t.Fatal(err)
			}
			if crypto.NameOf(data) != info.Name {
				t.Fatalf("round %d: %v is not whole: %d bytes", round, info.Name, len(data))
			}
			there[info.Name] = true
		}
		for name := range promised {
			if !there[name] {
				t.Fatalf("round %d: %v was put and is not there", round, name)
			}
		}
		p, err := s.Load(ctx, writerKey.ID())
		if seq > 0 && (err != nil || p.Verify() != nil || p.Seq < seq) {
			t.Fatalf("round %d: the pointer was swapped to %d, there is %d, %v", round, seq, p.Seq, err)
		}
		sessions, err := filepath.Glob(filepath.Join(folder, "tmp", "*"))
		if err != nil || len(sessions) != 2 { // this handle's folder and lock
			t.Fatalf("round %d: left in tmp: %v, %v", round, sessions, err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if len(promised) == 0 || seq == 0 {
		t.Fatal("nothing was written")
	}
}

// note records a line of the writer.
func note(t *testing.T, line string, promised map[crypto.BlobName]bool, seq uint64) uint64 {
	t.Helper()
	what, rest, _ := strings.Cut(line, " ")
	if what == "put" {
		name, err := crypto.ParseBlobName(rest)
		if err != nil {
			return seq // the line itself was cut
		}
		promised[name] = true
		return seq
	}
	if n, err := strconv.ParseUint(rest, 10, 64); err == nil && n > seq {
		return n
	}
	return seq
}

// rivalSwaps is how many swaps each process must win.
const rivalSwaps = 40

// rival moves the pointer until it has won often enough, puts the same blobs as its rivals, and reports the sequences
// that it won.
func rival(folder string, seed uint64, out io.Writer) error {
	ctx := context.Background()
	s, err := disk.Open(folder, disk.Options{})
	if err != nil {
		return err
	}
	for won := 0; won < rivalSwaps; {
		p, err := s.Load(ctx, writerKey.ID())
		var old crypto.PointerHash
		if err == nil {
			old = p.Hash()
		} else if !errors.Is(err, remote.ErrNotFound) {
			return err
		}
		if err := p.Verify(); old != (crypto.PointerHash{}) && err != nil {
			return err
		}
		data := bytes.Repeat([]byte{byte(p.Seq)}, 10_000)
		if err := s.Put(ctx, crypto.NameOf(data), remote.BytesBody(data)); err != nil {
			return err
		}
		next := writerKey.Sign(p.Seq+1, crypto.PointerValue{byte(seed), byte(won)})
		switch err := s.Swap(ctx, old, next); {
		case err == nil:
			won++
			fmt.Fprintln(out, next.Seq)
		case !errors.Is(err, remote.ErrConflict):
			return err
		}
	}
	return s.Close()
}

// TestTwoProcesses lets processes race for one pointer: every sequence is won once, and none is missing.
func TestTwoProcesses(t *testing.T) {
	const processes = 3
	folder := filepath.Join(t.TempDir(), "store") // which the processes also found at the same time
	winners := map[uint64]int{}
	type running struct {
		cmd   *exec.Cmd
		lines *bufio.Scanner
	}
	var all []running
	for i := range processes {
		cmd, lines := child(t, "rival", folder, i)
		all = append(all, running{cmd, lines})
	}
	for _, r := range all {
		for r.lines.Scan() {
			seq, err := strconv.ParseUint(r.lines.Text(), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			winners[seq]++
		}
		if err := r.cmd.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	for seq := range uint64(processes * rivalSwaps) {
		if winners[seq+1] != 1 {
			t.Errorf("sequence %d was won %d times", seq+1, winners[seq+1])
		}
	}
	s, err := disk.Open(folder, disk.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if p, err := s.Load(t.Context(), writerKey.ID()); err != nil || p.Seq != processes*rivalSwaps {
		t.Errorf("the pointer is at %d, %v", p.Seq, err)
	}
}
