package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
)

// worker does one operation after another through one gateway.
type worker struct {
	gateway, number int
	client          *client
	record          *record
	shared          *shared
	own             *owned
}

// writer returns the worker's number in the contents that it writes.
func (w *worker) writer() uint32 { return uint32(w.gateway*100 + w.number) }

// run does one task. An error is a failure of the drive.
func (w *worker) run(t task, r *rand.Rand) error {
	var err error
	if w.own.unsure() {
		if err := w.lookAround(true); err != nil {
			return fmt.Errorf("gateway %d, worker %d: %w", w.gateway, w.number, err)
		}
	}
	// The gateway must answer an observation first.
	if w.own.unsure() && (!t.shared || t.verb == bringIn || t.verb == giveAway) {
		w.record.counts.Unsure.Add(1)
		return nil
	}
	if t.verb == bringIn || t.verb == giveAway {
		err = w.cross(t)
	} else if t.shared {
		err = w.inShared(t)
	} else {
		err = w.inOwn(t, r)
	}
	if err != nil {
		return fmt.Errorf("gateway %d, worker %d: %v: %w", w.gateway, w.number, t, err)
	}
	return nil
}

// send sends a request that counts as an operation.
func (w *worker) send(method, path string, body []byte, header ...string) (reply, error) {
	r, err := w.client.do(method, path, body, header...)
	w.record.count(r)
	w.record.logf("g%d w%d %s %s %v: %d", w.gateway, w.number, method, path, header, r.code)
	return r, err
}

func overwrite(t task) string {
	if t.replace {
		return "T"
	}
	return "F"
}

func depth(t task) string {
	if t.shallow {
		return "0"
	}
	return "infinity"
}

// inOwn does a task in the worker's own folder, where the answer is known in advance.
func (w *worker) inOwn(t task, random *rand.Rand) (err error) {
	var r reply
	var do change
	switch t.verb {
	case putFile:
		c, body := w.record.fresh(w.writer(), t.size)
		r, err = w.send(http.MethodPut, t.path, body)
		do = func(s state) (state, bool) { return s.put(t.path, c) }
	case makeFolder:
		r, err = w.send("MKCOL", t.path, nil)
		do = func(s state) (state, bool) { return s.mkcol(t.path) }
	case removeIt:
		r, err = w.send(http.MethodDelete, t.path, nil)
		do = func(s state) (state, bool) { return s.remove(t.path) }
	case moveIt:
		r, err = w.send("MOVE", t.path, nil, "Destination", "$BASE"+escaped(t.to), "Overwrite", overwrite(t))
		do = func(s state) (state, bool) { return s.transfer(t.path, t.to, true, t.replace, false) }
	case copyIt:
		r,
			err = w.send("COPY", t.path, nil, "Destination", "$BASE"+escaped(t.to), "Overwrite", overwrite(t), "Depth", depth(t))
		do = func(s state) (state, bool) { return s.transfer(t.path, t.to, false, t.replace, t.shallow) }
	case setProp:
		r, err = w.send("PROPPATCH", t.path, proppatchBody(t.value))
		do = func(s state) (state, bool) { return s.patch(t.path, t.value) }
	case lookAround:
		return w.lookAround(false)
	default:
		return w.readOwn(t.path)
	}
	if err != nil {
		return err
	}
	if err := w.own.answered(r, do); err != nil {
		return err
	}
	if r.unknown() || random.IntN(4) == 0 {
		return w.readOwn(t.path)
	}
	return nil
}

// readOwn reads a path and checks it against the model.
func (w *worker) readOwn(path string) error {
	r, err := w.client.do(http.MethodGet, path, nil)
	if err != nil || r.unknown() || r.away() {
		return err
	}
	got := id{}
	page := false
	switch r.code {
	case http.StatusOK:
		if page = isPage(r); !page {
			if got, err = w.record.read(r.body, r.header.Get("ETag")); err != nil {
				return fmt.Errorf("GET %s: %w", path, err)
			}
		}
	case http.StatusNotFound:
	default:
		return fmt.Errorf("GET %s answered %d", path, r.code)
	}
	return w.own.see("GET "+path, func(s state) error {
		n := s[path]
		if n.folder != page || n.content != got {
			return fmt.Errorf("holds %v and not %v", got, n)
		}
		return nil
	})
}

// isPage reports whether a reply is a folder's page, which has no ETag.
func isPage(r reply) bool { return r.header.Get("ETag") == "" }

// lookAround checks the worker's own folder against the model, with all contents or those of unknown tags.
func (w *worker) lookAround(all bool) error {
	listed, r, err := w.client.walk(w.own.root)
	if err != nil {
		return err
	}
	w.record.logf("g%d w%d walked its own: %d, %d entries", w.gateway, w.number, r.code, len(listed))
	if r.unknown() || r.away() {
		return nil
	}
	if r.code != http.StatusMultiStatus {
		return fmt.Errorf("PROPFIND below %s answered %d", w.own.root, r.code)
	}
	contents := map[string]id{}
	for p, x := range listed {
		if x.folder {
			continue
		}
		if c, known := w.record.tagged(x.etag); known && !all {
			contents[p] = c
			continue
		}
		r, err := w.client.do(http.MethodGet, p, nil)
		if err != nil {
			return err
		}
		if r.unknown() || r.away() {
			continue
		}
		if r.code != http.StatusOK {
			return fmt.Errorf("GET %s, which is listed, answered %d", p, r.code)
		}
		if contents[p], err = w.record.read(r.body, r.header.Get("ETag")); err != nil {
			return fmt.Errorf("GET %s: %w", p, err)
		}
	}
	w.record.counts.Walks.Add(1)
	return w.own.see("a listing", func(s state) error { return s.matches(w.own.root, listed, contents) })
}

// peeked is the current state of a path in the shared folder.
type peeked struct {
	there, folder bool
	content       id
	etag          string
	blind         bool // it could not be read
}

// peek reads a file, which must be one whole version.
func (w *worker) peek(path string) (peeked, error) {
	r, err := w.client.do(http.MethodGet, path, nil)
	w.record.logf("g%d w%d peek %s: %d %s", w.gateway, w.number, path, r.code, r.header.Get("ETag"))
	switch {
	case err != nil:
		return peeked{}, err
	case r.unknown(), r.away():
		return peeked{blind: true}, nil
	case r.code == http.StatusNotFound:
		return peeked{}, nil
	case r.code != http.StatusOK:
		return peeked{}, fmt.Errorf("GET %s answered %d", path, r.code)
	case isPage(r):
		return peeked{there: true, folder: true}, nil
	}
	etag := r.header.Get("ETag")
	c, err := w.record.read(r.body, etag)
	if err != nil {
		return peeked{}, fmt.Errorf("GET %s: %w", path, err)
	}
	return peeked{there: true, content: c, etag: etag}, nil
}

// inShared does a task in the folder that all workers write to. It replaces, moves and deletes files by their entity
// tags, so that it is known which version is gone.
func (w *worker) inShared(t task) error {
	switch t.verb {
	case makeFolder:
		_, err := w.send("MKCOL", t.path, nil)
		return err
	case setProp:
		_, err := w.send("PROPPATCH", t.path, proppatchBody(t.value))
		return err
	case lookAround:
		_, _, err := w.client.walk(sharedRoot)
		return err
	}
	at, err := w.peek(t.path)
	if err != nil || at.blind || t.verb == readFile {
		return err
	}
	switch t.verb {
	case putFile:
		return w.putShared(t, at)
	case removeIt:
		return w.removeShared(t, at)
	}
	if !at.there {
		return nil
	}
	to, err := w.peek(t.to)
	if err != nil || to.blind {
		return err
	}
	if at.folder || to.folder {
		return w.transferFolder(t, at)
	}
	return w.transferFile(t, at, to)
}

func (w *worker) putShared(t task, at peeked) error {
	if at.folder {
		return nil
	}
	condition := []string{"If-None-Match", "*"}
	if at.there {
		condition = []string{"If-Match", at.etag}
	}
	c, body := w.record.fresh(w.writer(), t.size)
	claimed := w.shared.begin(w.gateway, c, t.path)
	r, err := w.send(http.MethodPut, t.path, body, condition...)
	w.shared.end(claimed, r)
	if at.there && (r.ok() || r.unknown()) {
		w.shared.takeFile(at.content, t.path)
	}
	return err
}

func (w *worker) removeShared(t task, at peeked) error {
	if !at.there {
		return nil
	}
	if at.folder {
		_, err := w.send(http.MethodDelete, t.path, nil)
		w.shared.takeFolder(w.gateway, t.path)
		return err
	}
	r, err := w.send(http.MethodDelete, t.path, nil, "If-Match", at.etag)
	if r.ok() || r.unknown() {
		w.shared.takeFile(at.content, t.path)
	}
	return err
}

// destination returns the headers of a COPY or MOVE onto a file or a free path.
func destination(t task, to peeked) []string {
	header := []string{"Destination", "$BASE" + escaped(t.to)}
	if to.there && t.replace {
		return append(header, "Overwrite", "T", "If", fmt.Sprintf("<$BASE%s> ([%s])", escaped(t.to), to.etag))
	}
	return append(header, "Overwrite", "F")
}

// transferFile copies or moves a file, over another one or to a free path.
func (w *worker) transferFile(t task, at, to peeked) error {
	method := verbNames[t.verb]
	if t.verb == moveIt {
		w.shared.moveFile(w.gateway, at.content, t.path, t.to)
	}
	claimed := w.shared.begin(w.gateway, at.content, t.to)
	r, err := w.send(method, t.path, nil, append(destination(t, to), "If-Match", at.etag)...)
	w.shared.end(claimed, r)
	if t.verb == moveIt {
		w.shared.moveFile(w.gateway, at.content, t.path, t.to) // claims made meanwhile
	}
	if to.there && (r.ok() || r.unknown()) {
		w.shared.takeFile(to.content, t.to)
	}
	return err
}

// transferFolder copies or moves if a folder is involved, which has no entity tag.
func (w *worker) transferFolder(t task, at peeked) error {
	header := []string{"Destination", "$BASE" + escaped(t.to), "Overwrite", overwrite(t)}
	if !at.folder {
		header = append(header, "If-Match", at.etag)
	}
	if t.verb == moveIt {
		w.shared.moveFolder(w.gateway, t.path, t.to)
	}
	r, err := w.send(verbNames[t.verb], t.path, nil, header...)
	if t.verb == moveIt {
		w.shared.moveFolder(w.gateway, t.path, t.to)
	}
	if t.replace && (r.ok() || r.unknown()) {
		w.shared.takeFolder(w.gateway, t.to)
	}
	return err
}

// cross moves or copies a file between the worker's own folder and the shared one.
func (w *worker) cross(t task) error {
	at, err := w.peek(t.path)
	if err != nil || at.blind || !at.there || at.folder {
		return err
	}
	verb := copyIt
	if t.moving {
		verb = moveIt
	}
	method := verbNames[verb]
	if t.verb == bringIn {
		r, err := w.send(method, t.path, nil, "Destination", "$BASE"+escaped(t.to), "If-Match", at.etag)
		if t.moving && (r.ok() || r.unknown()) {
			w.shared.takeFile(at.content, t.path)
		}
		if err != nil || r.code == http.StatusPreconditionFailed || r.code == http.StatusNotFound {
			return err // another worker has changed it meanwhile
		}
		return w.own.answered(r, func(s state) (state, bool) { return s.place(t.to, at.content) })
	}
	to, err := w.peek(t.to)
	if err != nil || to.blind || to.folder {
		return err
	}
	claimed := w.shared.begin(w.gateway, at.content, t.to)
	r, err := w.send(method, t.path, nil, append(destination(t, to), "If-Match", at.etag)...)
	w.shared.end(claimed, r)
	if to.there && (r.ok() || r.unknown()) {
		w.shared.takeFile(to.content, t.to)
	}
	if err != nil || !t.moving || !r.ok() && !r.unknown() {
		return err
	}
	return w.own.answered(r, func(s state) (state, bool) { return s.remove(t.path) })
}
