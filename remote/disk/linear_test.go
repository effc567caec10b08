package disk_test

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/remotetest"
)

// served executes the commands of another process on a store, line by line: "load", or "swap OLD POINTER" in hex.
func served(folder string, _ uint64, out io.Writer) error {
	s, err := disk.Open(folder, disk.Options{})
	if err != nil {
		return err
	}
	ctx, lines := context.Background(), bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		what, rest, _ := strings.Cut(lines.Text(), " ")
		answer := ""
		if what == "load" {
			var p crypto.Pointer
			if p, err = s.Load(ctx, writerKey.ID()); err == nil {
				answer = hex.EncodeToString(p.Marshal())
			}
		} else {
			err = swapHex(ctx, s, rest)
		}
		if _, err := fmt.Fprintf(out, "%s %s\n", kindName(err), answer); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), s.Close())
}

func swapHex(ctx context.Context, s remote.Store, line string) error {
	before, after, _ := strings.Cut(line, " ")
	old, err := hex.DecodeString(before)
	if err != nil {
		return err
	}
	raw, err := hex.DecodeString(after)
	if err != nil {
		return err
	}
	next, err := crypto.ParsePointer(raw)
	if err != nil {
		return err
	}
	return s.Swap(ctx, crypto.PointerHash(old), next)
}

// kinds are the possible answers of a process, by a word.
var kinds = map[string]error{"ok": nil, "none": remote.ErrNotFound, "conflict": remote.ErrConflict,
	"away": remote.ErrUnavailable}

func kindName(err error) string {
	for name, kind := range kinds {
		if remote.KindOf(err) == kind {
			return name
		}
	}
	return "trouble: " + strings.ReplaceAll(err.Error(), "\n", "; ")
}

// distant is a store in a process of its own, which is killed now and then during a call. It takes one call at a time.
type distant struct {
	remote.Store // nil: only pointers are used
	t            *testing.T
	folder       string
	rnd          *rand.Rand
	cmd          *exec.Cmd
	in           io.WriteCloser
	out          *bufio.Scanner
	killed       int
}

func (d *distant) ask(line string) (string, error) {
	if d.cmd == nil {
		d.start()
	}
	if _, err := fmt.Fprintln(d.in, line); err != nil {
		d.t.Fatal(err)
	}
	if d.rnd.IntN(6) == 0 {
		d.end(d.cmd.Process.Kill)
		d.killed++
		return "", &remote.Error{Op: "ask", On: d.folder, Kind: remote.ErrUnavailable, Err: errors.New("killed")}
	}
	if !d.out.Scan() {
		d.t.Fatalf("a process ended by itself: %v", d.out.Err())
	}
	kind, answer, _ := strings.Cut(d.out.Text(), " ")
	err, known := kinds[kind]
	if !known {
		d.t.Fatal(d.out.Text())
	}
	if err != nil {
		err = &remote.Error{Op: "ask", On: d.folder, Kind: err}
	}
	return answer, err
}

func (d *distant) start() {
	exe, err := os.Executable()
	if err != nil {
		d.t.Fatal(err)
	}
	d.cmd = exec.Command(exe)
	d.cmd.Env = append(os.Environ(), envRole+"=served", envFolder+"="+d.folder, envSeed+"=0")
	d.cmd.Stderr = os.Stderr
	if d.in, err = d.cmd.StdinPipe(); err != nil {
		d.t.Fatal(err)
	}
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	d.out = bufio.NewScanner(out)
	if err := d.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
}

// end ends the process by calling how, and waits for it.
func (d *distant) end(how func() error) {
	if d.cmd == nil {
		return
	}
	if err := how(); err != nil {
		d.t.Error(err)
	}
	for d.out.Scan() { // nothing reads the answers
	}
	_ = d.cmd.Wait() // it says how it was ended
	d.cmd = nil
}

func (d *distant) Load(_ context.Context, _ crypto.PointerID) (crypto.Pointer, error) {
	answer, err := d.ask("load")
	if err != nil {
		return crypto.Pointer{}, err
	}
	raw, err := hex.DecodeString(answer)
	if err != nil {
		d.t.Fatal(err)
	}
	return crypto.ParsePointer(raw)
}

func (d *distant) Swap(_ context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	_, err := d.ask(fmt.Sprintf("swap %x %x", old[:], next.Marshal()))
	return err
}

// TestProcessesAreLinearizable lets processes load and swap one pointer, and kills them meanwhile: a sequential order
// of all calls explains all results.
func TestProcessesAreLinearizable(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "store")
	stores, killed := make([]remote.Store, 4), 0
	for i := range stores {
		stores[i] = &distant{t: t, folder: folder, rnd: rand.New(rand.NewPCG(uint64(i), 3))}
	}
	err := remotetest.Linearizable(t.Context(), stores, writerKey)
	for _, s := range stores {
		d := s.(*distant)
		d.end(func() error { return d.in.Close() })
		killed += d.killed
	}
	if err != nil {
		t.Fatal(err)
	}
	if killed == 0 {
		t.Error("nothing was killed")
	}
}
