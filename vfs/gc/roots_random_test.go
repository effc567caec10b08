package gc_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"postern/crypto"
	"postern/remote"
	"postern/remote/mem"
	"postern/vfs/gc"
	"postern/vfs/gc/gctest"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

type names map[crypto.BlobName]bool

// kin is the true state of a space: its registry entry, and whether the remote has lost part of it.
type kin struct {
	keys    crypto.Capability
	stage   roots.Stage
	final   object.Ref
	damaged bool
}

// house is a device of the owner with its view of the spaces.
type house struct {
	device
	f       *gctest.Family
	saw     map[crypto.PointerID]names // what collections here have learnt from each space
	backups []backup
}

type backup struct {
	notes gc.Notes
	saw   map[crypto.PointerID]names
}

// village is a schedule of several devices of one owner, whose spaces share blobs. The remote keeps a copy of every
// blob, so that the test knows what a damaged space leads to.
type village struct {
	*rapid.T
	t         testing.TB
	store     *watched
	ever      *mem.Store
	now       time.Time
	spaces    []*kin // the own one first
	houses    []*house
	collector *house // the device that is collecting
	files     int
	reached   map[object.Ref]reached
	wandering bool // as in a life
}

// reached holds the blobs that a commit leads to.
type reached struct {
	blobs  names
	order  []crypto.BlobName // in the order of a walk
	mounts []crypto.PointerID
}

// Put keeps a copy of every blob.
func (v *village) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	if err := v.ever.Put(ctx, name, body); err != nil {
		return err
	}
	return v.store.Put(ctx, name, body)
}

// keeping is the remote of a village.
type keeping struct {
	*watched
	v *village
}

func (k keeping) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	return k.v.Put(ctx, name, body)
}

func (k keeping) Delete(ctx context.Context, name crypto.BlobName) error {
	for _, s := range k.v.spaces {
		if s.damaged && s.stage != roots.Gone && k.v.collector.saw[s.keys.ID][name] {
			k.early = append(k.early, fmt.Sprintf("%.8v… was learnt from a space that is damaged", name))
		}
	}
	return k.watched.Delete(ctx, name)
}

func (v *village) must(err error) {
	if err != nil {
		v.Fatal(err)
	}
}

func newVillage(t *testing.T, rt *rapid.T) *village {
	v := &village{T: rt, t: t, ever: mem.New(), now: start.Add(day), reached: map[object.Ref]reached{}}
	v.wandering = rapid.Bool().Draw(rt, "wandering")
	v.store = &watched{Store: mem.New(), now: func() time.Time { return v.now }, last: map[crypto.BlobName]time.Time{}}
	own, err := gctest.New(t.Context(), keeping{v.store, v}, v.now)
	v.must(err)
	own.Version = object.Version2
	v.spaces = []*kin{{keys: own.Keys, stage: roots.Live}}
	for i := range 3 {
		h := &house{f: &gctest.Family{Own: own}, saw: map[crypto.PointerID]names{}}
		if i > 0 {
			h.f, err = v.houses[0].f.Again(t.Context(), keeping{v.store, v})
			v.must(err)
			h.drawSkew(rt, v.wandering)
		}
		v.houses = append(v.houses, h)
	}
	v.store.live = v.reach()
	v.store.reach = v.reach
	v.beside(v.houses[0], "")
	return v
}

// newest returns the commit of a space that is in effect.
func (v *village) newest(s *kin) object.Ref {
	if s.final != (object.Ref{}) {
		return s.final
	}
	p, err := v.store.Load(v.t.Context(), s.keys.ID)
	v.must(err)
	value, err := crypto.OpenValue(s.keys.Read, p)
	v.must(err)
	head, err := object.DecodeHead(value)
	v.must(err)
	return head.Commit
}

// reach returns what all spaces lead to; for a damaged space, what is still readable.
func (v *village) reach() map[crypto.BlobName]bool {
	all, mounted := names{}, map[crypto.PointerID]bool{}
	for again := true; again; {
		again = false
		for _, s := range v.spaces {
			if s.stage == roots.Gone && !mounted[s.keys.ID] || mounted[s.keys.ID] && s.stage != roots.Gone {
				continue
			}
			r := v.of(s)
			maps.Copy(all, r.blobs)
			for _, id := range r.mounts {
				gone := slices.ContainsFunc(v.spaces, func(s *kin) bool { return s.keys.ID == id && s.stage == roots.Gone })
				again = again || gone && !mounted[id]
				mounted[id] = mounted[id] || gone
			}
		}
	}
	return all
}

// of returns what one space leads to.
func (v *village) of(s *kin) reached {
	at := v.newest(s)
	if r, known := v.reached[at]; known && !s.damaged {
		return r
	}
	src := remote.Blobs(v.ever)
	if s.damaged {
		src = v.store.Store
	}
	nodes := tree.NewNodes(src, tree.Options{})
	r := reached{blobs: names{at.Blob: true}, order: []crypto.BlobName{at.Blob}}
	c, _, err := nodes.Commit(v.t.Context(), at)
	if err != nil {
		if !s.damaged {
			v.must(err)
		}
		return r
	}
	err = tree.NewWalker(1).Walk(v.t.Context(), tree.New(nodes, c.Root), func(_ context.Context, visit tree.Visit) error {
		if name, _, ok := visit.Place(); ok && !r.blobs[name] {
			r.blobs[name] = true
			r.order = append(r.order, name)
		}
		if visit.Kind == tree.VisitMount {
			r.mounts = append(r.mounts, visit.Entry.Mount().Capability.ID)
		}
		if s.damaged {
			return nil
		}
		return visit.Err
	})
	v.must(err)
	if !s.damaged {
		v.reached[at] = r
	}
	return r
}

// changed updates what is needed after a change other than a commit.
func (v *village) changed() {
	for name := range v.store.live {
		v.store.last[name] = v.now
	}
	v.store.live = v.reach()
}

// ready updates a device's view of a space, and its clock.
func (v *village) ready(h *house, space int) *gctest.Drive {
	for len(h.f.Members)+1 < len(v.spaces) {
		d, err := v.houses[0].f.Drives()[len(h.f.Members)+1].Again(v.t.Context(), keeping{v.store, v})
		v.must(err)
		h.f.Add(d)
	}
	for i, m := range h.f.Members {
		m.Stage, m.Final = v.spaces[i+1].stage, v.spaces[i+1].final
	}
	d := h.f.Drives()[space]
	d.Now = v.now.Add(h.skew)
	v.must(d.Load(v.t.Context()))
	return d
}

// writable draws a writable space; the own one always is.
func (v *village) writable() int {
	var all []int
	for i, s := range v.spaces {
		if s.stage == roots.Live && !s.damaged {
			all = append(all, i)
		}
	}
	return rapid.SampledFrom(all).Draw(v.T, "space")
}

func (v *village) put(h *house, space int) {
	v.files++
	d := v.ready(h, space)
	op, err := d.File(v.t.Context(), fmt.Sprintf("/%d", v.files%3), body(v.files, 1000+v.files*7919%20_000))
	v.must(err)
	v.must(d.Do(v.t.Context(), op))
}

func (v *village) remove(h *house, space int) {
	d := v.ready(h, space)
	for e, err := range d.Tree().List(v.t.Context(), "/files") {
		v.must(err)
		if rapid.Bool().Draw(v.T, "remove") {
			v.must(d.Do(v.t.Context(), tree.Remove{Path: "/" + e.Info().Name}))
		}
	}
	v.must(d.Forget(v.t.Context(), rapid.SampledFrom([]int{0, 0, 0, 2}).Draw(v.T, "states")))
}

// transfer copies or moves something from one space to another by reference.
func (v *village) transfer(h *house, from, to int) {
	source := v.ready(h, from)
	paths, err := pathsOf(v.t.Context(), source)
	v.must(err)
	if from == to || len(paths) == 0 {
		return
	}
	path := rapid.SampledFrom(paths).Draw(v.T, "path")
	d := v.ready(h, to)
	op, err := d.Take(v.t.Context(), source, path, path)
	v.must(err)
	v.must(d.Do(v.t.Context(), op))
	if rapid.Bool().Draw(v.T, "move") {
		v.must(source.Do(v.t.Context(), tree.Remove{Path: path}))
		v.must(source.Forget(v.t.Context(), rapid.SampledFrom([]int{0, 0, 2}).Draw(v.T, "states")))
	}
}

// beside makes another space, from what lies at a path of the own one.
func (v *village) beside(h *house, path string) {
	if len(v.spaces) == 4 {
		return
	}
	first := v.houses[0]
	own := v.ready(first, 0)
	d, err := own.Beside(v.t.Context(), path)
	v.must(err)
	first.f.Add(d)
	v.spaces = append(v.spaces, &kin{keys: d.Keys, stage: roots.Live})
	v.changed()
	for _, other := range v.houses { // while nothing of it is lost
		v.ready(other, len(v.spaces)-1)
	}
	if own = v.ready(h, 0); rapid.Bool().Draw(v.T, "mount") {
		v.must(own.Do(v.t.Context(), gctest.Mount(fmt.Sprintf("/mount%d", len(v.spaces)), d)))
	}
}

// end retires a space, whose pointer may still be moved, or ends a retired one.
func (v *village) end(h *house, space int) {
	switch s := v.spaces[space]; {
	case space == 0 || s.damaged:
	case s.stage == roots.Retired:
		s.stage = roots.Gone
		v.changed()
		v.must(v.ready(h, 0).Do(v.t.Context())) // the own space holds the registry
	case s.stage == roots.Live:
		d := v.ready(h, space)
		s.final = d.Base().Ref
		s.stage = roots.Retired
		v.changed()
		v.remove(h, space)
	}
}

// damage makes the remote lose something that only one space leads to, or restores everything that the space has lost.
func (v *village) damage(space int) {
	s := v.spaces[space]
	if s.damaged {
		s.damaged = false
		for name := range v.of(s).blobs {
			b, err := v.ever.Get(v.t.Context(), name)
			v.must(err)
			v.must(v.store.Put(v.t.Context(), name, remote.BytesBody(b)))
		}
		v.changed()
		return
	}
	if space == 0 || s.stage != roots.Live {
		return
	}
	mine := slices.Clone(v.of(s).order)
	for i, other := range v.spaces {
		if i != space && other.stage != roots.Gone {
			mine = slices.DeleteFunc(mine, func(name crypto.BlobName) bool { return v.of(other).blobs[name] })
		}
	}
	for _, h := range v.houses { // the blobs of a returning device must be there
		for _, c := range h.carried.Content.Chunks {
			mine = slices.DeleteFunc(mine, func(name crypto.BlobName) bool { return name == c.Blob })
		}
	}
	if len(mine) == 0 {
		return
	}
	lost := mine[rapid.IntRange(0, 1000).Draw(v.T, "lost")%len(mine)]
	s.damaged = true
	v.must(v.store.Store.Delete(v.t.Context(), lost))
	v.changed()
}

// collect runs a collection on one device. It stops after some calls unless calls is negative.
func (v *village) collect(h *house, alone bool, calls int) gc.Report {
	v.collector = h
	v.ready(h, 0)
	f, store := h.f, remote.Store(keeping{v.store, v})
	if calls >= 0 {
		store = gctest.NewStopping(store, calls)
	}
	for i, d := range f.Drives() {
		d.Now, d.Store = v.now.Add(h.skew), store
		if calls < 0 && v.spaces[i].stage == roots.Live && !v.spaces[i].damaged {
			v.must(d.Load(v.t.Context()))
		}
	}
	r, err := gc.Run(v.t.Context(), gc.Options{
		Store: store, Roots: f.Roots(), Drive: f, Ledger: &h.ledger, Alone: alone, Parallel: 1,
		Now:      func() time.Time { return v.now.Add(h.skew) },
		NoRepack: v.wandering && h == v.houses[len(v.houses)-1], // commits that it dates don't show that it is behind
	})
	for _, d := range f.Drives() {
		d.Store = keeping{v.store, v}
	}
	for _, e := range v.store.early {
		v.Fatal(e)
	}
	if calls >= 0 && errors.Is(err, remote.ErrUnavailable) {
		return r
	}
	if err != nil {
		v.Fatal(err, r.Damaged, len(v.spaces))
	}
	for _, s := range v.spaces {
		if s.stage != roots.Gone && !s.damaged {
			if h.saw[s.keys.ID] == nil {
				h.saw[s.keys.ID] = names{}
			}
			maps.Copy(h.saw[s.keys.ID], v.of(s).blobs)
		}
	}
	return r
}

func (v *village) step() {
	i := rapid.IntRange(0, len(v.houses)-1).Draw(v.T, "house")
	h, space := v.houses[i], v.writable()
	which := rapid.IntRange(0, len(v.spaces)-1).Draw(v.T, "any space")
	wanders := v.wandering && i == len(v.houses)-1
	switch what := rapid.IntRange(0, 22).Draw(v.T, "step"); {
	case what <= 4:
		v.now = v.now.Add(time.Duration(rapid.IntRange(6, 80).Draw(v.T, "hours")) * time.Hour)
	case what <= 7:
		v.collect(h, false, -1)
	case what == 8:
		v.collect(h, false, rapid.IntRange(0, 60).Draw(v.T, "calls"))
	case what == 9:
		n, err := h.ledger.Load()
		v.must(err)
		saw := map[crypto.PointerID]names{}
		for id, of := range h.saw {
			saw[id] = maps.Clone(of)
		}
		h.backups = append(h.backups, backup{n, saw})
	case what == 10 && len(h.backups) > 0:
		b := rapid.SampledFrom(h.backups).Draw(v.T, "backup")
		v.must(h.ledger.Save(b.notes))
		h.saw = map[crypto.PointerID]names{}
		for id, of := range b.saw {
			h.saw[id] = maps.Clone(of)
		}
	case what == 11 && (wanders || !v.wandering):
		h.setBack(v.T, wanders)
	case wanders:
		v.collect(h, false, -1)
	case what <= 13:
		v.must(h.travel(v.t.Context(), v.T, v.store, v.ready(h, space), v.now))
	case what <= 15:
		v.remove(h, space)
	case what <= 18:
		v.transfer(h, space, v.writable())
	case what == 19 && rapid.IntRange(0, 2).Draw(v.T, "rarely") == 0:
		v.end(h, which)
	case what == 20:
		v.damage(which)
	case what == 21:
		v.beside(h, "")
	default:
		v.put(h, space)
	}
}

// TestManySpaces runs random schedules of devices. They write to several spaces of one owner, copy and move between
// them by reference, go away and come back, lose and restore their ledgers, and collect, with interrupted runs and
// wrong clocks, while spaces are made, damaged, repaired, retired and ended. No blob may be deleted before a grace
// period in which no state of a space led to it, nor a blob learnt from a damaged space; and in the end all unneeded
// blobs are deleted.
func TestManySpaces(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		v := newVillage(t, rt)
		for range rapid.IntRange(20, 70).Draw(rt, "steps") {
			v.step()
		}
		first := v.houses[0]
		for i, s := range v.spaces {
			if s.damaged {
				v.damage(i)
			}
			if s.stage == roots.Live {
				v.put(first, i)
				v.must(v.ready(first, i).Forget(t.Context(), 1))
			}
		}
		var r gc.Report
		for range 10 { // with Alone, since lost ledgers no longer know some blobs
			v.now = v.now.Add(8 * day)
			r = v.collect(first, true, -1)
		}
		if used := used(t, v.store); used != r.Needed.Bytes {
			rt.Errorf("%d bytes are taken, and %d needed: %+v", used, r.Needed.Bytes, r)
		}
		for _, s := range v.spaces {
			if s.stage != roots.Gone {
				for name := range v.of(s).blobs {
					if _, err := v.store.Stat(t.Context(), name); err != nil {
						rt.Error(err)
					}
				}
			}
		}
	})
}
