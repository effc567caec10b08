package vfstest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/vfs"
)

// Subject is a real drive for Compare, empty except for the writable folder "/files".
type Subject struct {
	FS vfs.FS
	// Reopen, if not nil, closes the drive, cleanly or not, and opens it again; the returned file system replaces FS. Open
	// files and uploads have ended before.
	Reopen func() (vfs.FS, error)
	// Steps, by name, run between the operations and must have no visible effect: a flush, a crash of the remote, a
	// collection.
	Steps map[string]func() error
	// Close closes the drive after the last operation.
	Close func() error
}

// Compare runs random operations on a drive and on a Model, and requires the same outcome of each, and the same tree
// after each. Where several errors apply, the drive may return any of them. open makes a drive for each run;
// -rapid.checks, -rapid.steps and -rapid.seed set how many, how long and which.
func Compare(t *testing.T, open func(t *testing.T) Subject) {
	rapid.Check(t, func(rt *rapid.T) {
		p := &pair{
			t: rt, s: open(t), model: NewModel(ModelOptions{}),
			toReal: map[vfs.Version]vfs.Version{}, toModel: map[vfs.Version]vfs.Version{},
		}
		actions := map[string]func(*rapid.T){
			"":       func(*rapid.T) { p.sameTree(false) },
			"put":    p.put,
			"begin":  p.begin,
			"finish": p.finish,
			"mkdir":  p.mkdir,
			"remove": p.remove,
			"move":   func(rt *rapid.T) { p.transfer(rt, "move") },
			"copy":   func(rt *rapid.T) { p.transfer(rt, "copy") },
			"patch":  p.patch,
			"open":   p.open,
			"read":   p.read,
			"look":   p.look,
		}
		if p.s.Reopen != nil {
			actions["reopen"] = p.reopen
		}
		for name, step := range p.s.Steps {
			actions["step "+name] = func(*rapid.T) { p.must(step()) }
		}
		defer p.close()
		rt.Repeat(actions)
		p.sameTree(true)
	})
}

// pair is the drive with its model.
type pair struct {
	t     *rapid.T
	s     Subject
	model *Model

	files   []pairOf[vfs.File]
	uploads []pairOf[vfs.Upload]

	toReal, toModel map[vfs.Version]vfs.Version // translate versions between the two
}

// pairOf is an open file or upload on both sides.
type pairOf[T any] struct {
	path        string
	real, model T
}

func (p *pair) ctx() context.Context { return p.t.Context() }

func (p *pair) must(err error) {
	if err != nil {
		p.t.Fatalf("unexpected error: %v", err)
	}
}

// end closes all files and uploads.
func (p *pair) end() {
	for _, f := range p.files {
		f.real.Close()
	}
	for _, u := range p.uploads {
		u.real.Abort()
	}
	p.files, p.uploads = nil, nil
}

func (p *pair) close() {
	p.end()
	if p.s.Close != nil {
		if err := p.s.Close(); err != nil {
			p.t.Errorf("closing the drive: %v", err)
		}
	}
}

func (p *pair) reopen(*rapid.T) {
	p.end()
	fs, err := p.s.Reopen()
	p.must(err)
	p.s.FS = fs
	p.sameTree(true)
}

// same requires both to succeed, or both to fail with one of the applicable errors (the model's own is one).
func (p *pair) same(what string, actual, model error, also ...error) (ok bool) {
	p.t.Helper()
	switch {
	case actual == nil && model == nil:
		return true
	case actual == nil || model == nil:
		p.t.Fatalf("%s: the drive says %v, the model %v", what, actual, model)
	case errors.Is(model, errTest):
		return false // the condition failed: another error may have been found first
	}
	want := append(kindsOf(model), also...)
	if got := kindsOf(actual); len(got) != 1 || !slices.Contains(want, got[0]) {
		p.t.Fatalf("%s: the drive says %v (%q), the model %v", what, actual, got, model)
	}
	return false
}

// commit is the outcome of Commit on one side.
type commit struct {
	info     vfs.Info
	replaced bool
	err      error
}

// committed compares the outcomes of Commit on a path. The drive chooses a time that was not given, within the rule;
// the model then adopts it.
func (p *pair) committed(path string, old time.Time, given time.Time, actual, model commit) {
	p.t.Helper()
	what := "commit " + path
	if !p.same(what, actual.err, model.err) {
		return
	}
	if given.IsZero() {
		if !old.IsZero() && actual.info.Modified.Unix() == old.Unix() {
			p.t.Fatalf("%s: Modified went from %v to %v, want another second", what, old, actual.info.Modified)
		}
		p.model.touch(path, actual.info.Modified)
		model.info.Modified = actual.info.Modified
	}
	if actual.replaced != model.replaced {
		p.t.Fatalf("%s: replaced is %v, the model says %v", what, actual.replaced, model.replaced)
	}
	if _, known := p.toModel[actual.info.Version]; known {
		p.t.Fatalf("%s: new contents have a known version, %x", what, actual.info.Version)
	}
	p.toReal[model.info.Version] = actual.info.Version
	p.toModel[actual.info.Version] = model.info.Version
	p.sameInfo(what, actual.info, model.info)
}

func (p *pair) put(rt *rapid.T) { p.putAt(rt, p.path(rt, "path")) }

func (p *pair) putAt(rt *rapid.T, path string) {
	data, o := someData(rt), vfs.CommitOptions{
		Modified:    someTime(rt, "modified"),
		ContentType: rapid.SampledFrom([]string{"", "", "x-test/a", "x-test/b"}).Draw(rt, "type"),
	}
	cond := p.cond(rt)
	var actual, model commit
	old := p.modified(path)
	o.Cond = cond.real
	actual.info, actual.replaced, actual.err = tryPut(p.ctx(), p.s.FS, path, data, o)
	o.Cond = cond.model
	model.info, model.replaced, model.err = tryPut(p.ctx(), p.model, path, data, o)
	p.committed(path, old, o.Modified, actual, model)
}

func (p *pair) begin(rt *rapid.T) {
	path := p.path(rt, "path")
	actual, err := p.s.FS.Create(p.ctx(), path)
	model, modelErr := p.model.Create(p.ctx(), path)
	if errors.Is(err, vfs.ErrIsFolder) && modelErr == nil {
		model.Abort() // the model reports it only at Commit
		return
	}
	if !p.same("create "+path, err, modelErr) {
		return
	}
	p.uploads = append(p.uploads, pairOf[vfs.Upload]{path, actual, model})
	for range rapid.IntRange(0, 3).Draw(rt, "writes") {
		data := someData(rt)
		_, err := actual.Write(data)
		p.must(err)
		_, err = model.Write(data)
		p.must(err)
	}
}

func (p *pair) finish(rt *rapid.T) {
	if len(p.uploads) == 0 {
		rt.Skip("no upload is open")
	}
	i := rapid.IntRange(0, len(p.uploads)-1).Draw(rt, "upload")
	u := p.uploads[i]
	p.uploads = slices.Delete(p.uploads, i, i+1)
	defer u.real.Abort()
	if rapid.Bool().Draw(rt, "sums") {
		actual, err := u.real.Sums()
		p.must(err)
		if model, _ := u.model.Sums(); actual != model {
			rt.Fatalf("sums of %s: %x, the model has %x", u.path, actual, model)
		}
	}
	if rapid.IntRange(0, 3).Draw(rt, "abort") == 0 {
		u.real.Abort()
		u.model.Abort()
		return
	}
	cond := p.cond(rt)
	o := vfs.CommitOptions{Modified: someTime(rt, "modified"), ContentType: "x-test/slow"}
	var actual, model commit
	old := p.modified(u.path)
	o.Cond = cond.real
	actual.info, actual.replaced, actual.err = u.real.Commit(p.ctx(), o)
	o.Cond = cond.model
	model.info, model.replaced, model.err = u.model.Commit(p.ctx(), o)
	p.committed(u.path, old, o.Modified, actual, model)
}

func (p *pair) mkdir(rt *rapid.T) {
	path, cond := p.path(rt, "path"), p.cond(rt)
	p.same("mkdir "+path, p.s.FS.Mkdir(p.ctx(), path, cond.real), p.model.Mkdir(p.ctx(), path, cond.model))
}

func (p *pair) remove(rt *rapid.T) {
	path, cond := p.path(rt, "path"), p.cond(rt)
	p.same("remove "+path, p.s.FS.Remove(p.ctx(), path, cond.real), p.model.Remove(p.ctx(), path, cond.model))
}

func (p *pair) transfer(rt *rapid.T, op string) {
	from, to := p.there(rt, "from"), p.path(rt, "to")
	o := vfs.CopyOptions{
		Replace:  rapid.Bool().Draw(rt, "replace"),
		Shallow:  op == "copy" && rapid.IntRange(0, 4).Draw(rt, "shallow") == 0,
		Modified: someTime(rt, "modified"),
	}
	cond, faults := p.cond(rt), p.faults(from, to, o.Replace)
	do, doModel := p.s.FS.Move, p.model.Move
	if op == "copy" {
		do, doModel = p.s.FS.Copy, p.model.Copy
	}
	what := fmt.Sprintf("%s %s to %s, replace %v, shallow %v", op, from, to, o.Replace, o.Shallow)
	o.Cond = cond.real
	replaced, err := do(p.ctx(), from, to, o)
	o.Cond = cond.model
	modelReplaced, modelErr := doModel(p.ctx(), from, to, o)
	if p.same(what, err, modelErr, faults...) && replaced != modelReplaced {
		rt.Fatalf("%s: replaced is %v, the model says %v", what, replaced, modelReplaced)
	}
}

// faults returns the kinds of all errors that apply to a move or copy.
func (p *pair) faults(from, to string, replace bool) (of []error) {
	p.model.mu.Lock()
	defer p.model.mu.Unlock()
	src, err := p.model.find(from)
	if err == nil && src.node == nil {
		err = vfs.ErrNotExist
	}
	dst, toErr := p.model.find(to)
	of = append(of, err, toErr)
	if toErr == nil && dst.node != nil && !replace {
		of = append(of, vfs.ErrExist)
	}
	return slices.DeleteFunc(of, func(err error) bool { return err == nil })
}

func (p *pair) patch(rt *rapid.T) {
	path, cond := p.there(rt, "path"), p.cond(rt)
	patch := vfs.Patch{Modified: someTime(rt, "modified"), Created: someTime(rt, "created")}
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"p", "q", "r"}), 0, 3, rapid.ID).Draw(rt,
		"properties") {
		if rapid.Bool().Draw(rt, "set") {
			patch.Set = append(patch.Set, vfs.Property{
				Name: vfs.PropertyName{Space: "urn:x", Local: name}, Lang: rapid.SampledFrom([]string{"", "de"}).Draw(rt, "lang"),
				Value: rapid.StringN(0, 20, 40).Draw(rt, "value"),
			})
		} else {
			patch.Remove = append(patch.Remove, vfs.PropertyName{Space: "urn:x", Local: name})
		}
	}
	p.same("patch "+path, p.s.FS.Patch(p.ctx(), path, patch, cond.real), p.model.Patch(p.ctx(), path, patch, cond.model))
}

func (p *pair) open(rt *rapid.T) {
	path := p.there(rt, "path")
	actual, err := p.s.FS.Open(p.ctx(), path)
	model, modelErr := p.model.Open(p.ctx(), path)
	if p.same("open "+path, err, modelErr) {
		p.sameInfo("open "+path, actual.Info(), model.Info())
		p.files = append(p.files, pairOf[vfs.File]{path, actual, model})
	}
}

// read reads a range of an open file, which may have been overwritten or removed since.
func (p *pair) read(rt *rapid.T) {
	if len(p.files) == 0 {
		rt.Skip("no file is open")
	}
	f := rapid.SampledFrom(p.files).Draw(rt, "file")
	if rapid.Bool().Draw(rt, "overwrite") {
		p.putAt(rt, f.path)
	}
	off := rapid.Int64Range(0, f.model.Info().Size+10).Draw(rt, "offset")
	n := rapid.Int64Range(0, 100000).Draw(rt, "length")
	var actual, model bytes.Buffer
	for _, side := range []struct {
		f   vfs.File
		out *bytes.Buffer
	}{{f.real, &actual}, {f.model, &model}} {
		_, err := side.f.Seek(off, io.SeekStart)
		p.must(err)
		done, err := side.f.WriteNTo(side.out, n)
		p.must(err)
		if done != int64(side.out.Len()) {
			rt.Fatalf("WriteNTo says %d and wrote %d bytes", done, side.out.Len())
		}
	}
	if !bytes.Equal(actual.Bytes(), model.Bytes()) {
		rt.Fatalf("%d bytes from %d of what was %s differ", n, off, f.path)
	}
}

func (p *pair) look(rt *rapid.T) {
	path := p.path(rt, "path")
	actual, err := p.s.FS.Stat(p.ctx(), path)
	model, modelErr := p.model.Stat(p.ctx(), path)
	if p.same("stat "+path, err, modelErr) {
		p.sameInfo("stat "+path, actual, model)
	}
	_, err = listAll(p.ctx(), p.s.FS, path)
	_, modelErr = listAll(p.ctx(), p.model, path)
	p.same("list "+path, err, modelErr)
}
