package control

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"reflect"
	"strings"
	"testing"

	"postern/remote/transfer"
	"postern/vfs/fsck"
	"postern/vfs/gc"
)

// worker is a gateway with long work, whose end the test chooses.
type worker struct {
	fake
	asked any
	began chan struct{}
	fail  error
	text  string
}

func (w *worker) Collect(_ context.Context, o CollectOrder, tell Tell) (gc.Report, error) {
	w.asked = o
	for i := range int64(1000) {
		tell(Progress{What: "blobs", Items: i})
	}
	return gc.Report{Deleted: gc.Amount{Blobs: 3}}, w.fail
}

func (w *worker) Check(ctx context.Context, o CheckOrder, _ Tell) (fsck.Report, error) {
	w.asked = o
	if w.began != nil {
		close(w.began)
		<-ctx.Done()
		return fsck.Report{}, ctx.Err()
	}
	return fsck.Report{Damage: []fsck.Damage{{Path: "/files/" + strings.Repeat("x", 3*maxAnswer)}}}, w.fail
}

func (w *worker) Fork(_ context.Context, accept bool) (Fork, error) {
	return Fork{Accepted: accept}, w.fail
}

func (w *worker) Versions(_ context.Context, path string) ([]Version, error) {
	return []Version{{Path: path}}, w.fail
}

func (w *worker) List(_ context.Context, path string) ([]Version, error) {
	return []Version{{Path: path}, {Path: path}}, w.fail
}

func (w *worker) Restore(_ context.Context, from, to string, replace bool) error {
	w.asked = restoring{from, to, replace}
	return w.fail
}

func (w *worker) Read(_ context.Context, path string, out io.Writer) error {
	_, err := io.WriteString(out, w.text)
	return errors.Join(err, w.fail)
}

func (w *worker) Locks(context.Context) ([]Lock, error) { return []Lock{{Path: "/a"}}, w.fail }

func (w *worker) Break(_ context.Context, what string) ([]Lock, error) {
	return []Lock{{Token: what}}, w.fail
}

func (w *worker) Export(_ context.Context, o ExportOrder, _ Tell) (transfer.Progress, error) {
	w.asked = o
	return transfer.Progress{Copied: 7}, w.fail
}

func (w *worker) Import(_ context.Context, file string, _ Tell) (transfer.Progress, error) {
	w.asked = file
	return transfer.Progress{Skipped: 8}, w.fail
}

func TestTasks(t *testing.T) {
	w := &worker{}
	c := NewClient(serving(t, t.TempDir(), w))
	told := 0
	report, err := c.Collect(t.Context(), CollectOrder{DryRun: true, Grace: -1}, func(Progress) { told++ })
	if err != nil || report.Deleted.Blobs != 3 || w.asked != (CollectOrder{DryRun: true, Grace: -1}) {
		t.Errorf("collect: %+v, %v, asked for %+v", report, err, w.asked)
	}
	if told == 0 || told == 1000 {
		t.Errorf("progress was told %d times", told)
	}
	checked, err := c.Check(t.Context(), CheckOrder{Repair: true}, Quiet)
	if err != nil || len(checked.Damage) != 1 || w.asked != (CheckOrder{Repair: true}) {
		t.Errorf("a long report: %d, %v, asked for %+v", len(checked.Damage), err, w.asked)
	}
	if f, err := c.Fork(t.Context(), true); err != nil || !f.Accepted {
		t.Errorf("fork: %+v, %v", f, err)
	}
	if v, err := c.Versions(t.Context(), "/files/ü"); err != nil || !reflect.DeepEqual(v, []Version{{Path: "/files/ü"}}) {
		t.Errorf("versions: %+v, %v", v, err)
	}
	if v, err := c.List(t.Context(), "/x"); err != nil || len(v) != 2 {
		t.Errorf("list: %+v, %v", v, err)
	}
	if err := c.Restore(t.Context(), "/a", "/b", true); err != nil || w.asked != (restoring{"/a", "/b", true}) {
		t.Errorf("restore: %v, asked for %+v", err, w.asked)
	}
	if l, err := c.Locks(t.Context()); err != nil || !reflect.DeepEqual(l, []Lock{{Path: "/a"}}) {
		t.Errorf("locks: %+v, %v", l, err)
	}
	if l, err := c.Break(t.Context(), "tok"); err != nil || !reflect.DeepEqual(l, []Lock{{Token: "tok"}}) {
		t.Errorf("break: %+v, %v", l, err)
	}
	at, err := c.Export(t.Context(), ExportOrder{File: "/f", Base: []byte{0, 255}}, Quiet)
	if err != nil || at.Copied != 7 ||
		!reflect.DeepEqual(w.asked, ExportOrder{File: "/f", Base: []byte{0, 255}}) {
		t.Errorf("export: %+v, %v, asked for %+v", at, err, w.asked)
	}
	if at, err := c.Import(t.Context(), "/f", Quiet); err != nil || at.Skipped != 8 || w.asked != "/f" {
		t.Errorf("import: %+v, %v, asked for %+v", at, err, w.asked)
	}
}

// TestTaskFails: the error travels, and with it how far the work came.
func TestTaskFails(t *testing.T) {
	w := &worker{fail: errors.New("the disk is full")}
	c := NewClient(serving(t, t.TempDir(), w))
	report, err := c.Collect(t.Context(), CollectOrder{}, Quiet)
	if err == nil || err.Error() != "the disk is full" || report.Deleted.Blobs != 3 {
		t.Errorf("%+v, %v", report, err)
	}
	if err := c.Restore(t.Context(), "/a", "/b", false); err == nil || err.Error() != "the disk is full" {
		t.Error(err)
	}
}

func TestTaskEndsWithItsAsker(t *testing.T) {
	w := &worker{began: make(chan struct{})}
	c := NewClient(serving(t, t.TempDir(), w))
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-w.began; cancel() }()
	if _, err := c.Check(ctx, CheckOrder{}, Quiet); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRead: a file that could not be read to its end never looks whole.
func TestRead(t *testing.T) {
	for _, c := range []struct {
		text string
		fail error
		want string // in the error
	}{
		{"hello", nil, ""},
		{"hello", os.ErrPermission, "EOF"},
		{strings.Repeat("x", 1<<20), os.ErrPermission, "could not be read to its end"},
		{"", os.ErrPermission, os.ErrPermission.Error()},
		{"", nil, ""},
	} {
		client := NewClient(serving(t, t.TempDir(), &worker{text: c.text, fail: c.fail}))
		var out bytes.Buffer
		err := client.Read(t.Context(), "/f", &out)
		if (err != nil) != (c.fail != nil) || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%.10q, %v: %v", c.text, c.fail, err)
		}
		if err == nil && out.String() != c.text {
			t.Errorf("%.10q came instead of %.10q", out.String(), c.text)
		}
	}
}
