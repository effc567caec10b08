package journal

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// crashEnv makes a re-executed test binary the process that is killed. Its value is the journal's directory.
const crashEnv = "POSTERN_JOURNAL_CRASH"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashEnv); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

// crashChild appends from many goroutines until it is killed, and writes the number of each record that was
// acknowledged to standard output.
func crashChild(dir string) error {
	j, err := Open(dir, key, Options{SegmentSize: 256 << 10})
	if err != nil {
		return err
	}
	failed := make(chan error)
	var out sync.Mutex
	for g := range 8 {
		go func() {
			for i := 0; ; i++ {
				op := binary.BigEndian.AppendUint64([]byte{byte(g)}, uint64(i))
				attachment := bytes.Repeat(op, i%97*30)
				seq, err := j.Append(op, attachment)
				if err == nil {
					err = j.Sync(context.Background(), seq)
				}
				if err != nil {
					failed <- err
					return
				}
				out.Lock()
				fmt.Printf("%d %d %d\n", seq, g, i)
				out.Unlock()
				if i%50 == 49 {
					if err := j.Trim(seq / 2); err != nil {
						failed <- err
						return
					}
				}
			}
		}()
	}
	return <-failed
}

// TestKill kills a real process in the middle of appending, again and again on one directory.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	var last uint64
	for round := range 6 {
		acked := killOne(t, dir, 150+200*round)
		j, err := Open(dir, key, Options{})
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		counts := map[byte]uint64{}
		next := uint64(0)
		err = j.Replay(func(r Record) error {
			if next != 0 && r.Seq != next {
				return fmt.Errorf("record %d where %d belongs", r.Seq, next)
			}
			next = r.Seq + 1
			if r.Seq <= last {
				return nil // from an earlier round
			}
			g, i := r.Op[0], binary.BigEndian.Uint64(r.Op[1:])
			if have, ok := counts[g]; ok && i != have+1 {
				return fmt.Errorf("record %d is the %d-th of goroutine %d, after its %d-th", r.Seq, i, g, have)
			}
			counts[g] = i
			if want := bytes.Repeat(r.Op, int(i)%97*30); len(want) > 0 {
				got, err := j.Attachment(r.Attachment)
				if err != nil || !bytes.Equal(got, want) {
					return fmt.Errorf("attachment of %d: %v", r.Seq, err)
				}
			}
			seen[fmt.Sprintf("%d %d %d", r.Seq, g, i)] = true
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		lost := 0
		for line, seq := range acked {
			if seq <= last {
				t.Errorf("number %d was given again after %d", seq, last)
			}
			if !seen[line] && seq*2 > next { // otherwise perhaps trimmed
				lost++
			}
		}
		if lost > 0 {
			t.Errorf("round %d: %d of %d acknowledged records were lost", round, lost, len(acked))
		}
		last = next - 1
		j.Close()
	}
}

// killOne starts a child on dir, kills it after it has acknowledged n records, and returns everything it acknowledged.
func killOne(t *testing.T, dir string, n int) map[string]uint64 {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+dir)
	child.Stderr = os.Stderr
	pipe, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	acked := map[string]uint64{}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		line := lines.Text()
		var g, i int
		var seq uint64
		if _, err := fmt.Sscan(line, &seq, &g, &i); err != nil {
			continue // the last one, truncated
		}
		if line == strconv.FormatUint(seq, 10)+" "+strconv.Itoa(g)+" "+strconv.Itoa(i) {
			acked[line] = seq
		}
		if len(acked) == n {
			child.Process.Kill()
		}
	}
	child.Wait()
	if len(acked) < n {
		t.Fatalf("the child ended after %d records", len(acked))
	}
	return acked
}
