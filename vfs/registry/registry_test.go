package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"postern/vfs"
	"postern/vfs/registry"
)

// draw returns notes about few records and fields, so that they meet.
func draw(t *rapid.T, name string) []registry.Note {
	n := rapid.IntRange(0, 8).Draw(t, name)
	notes := make([]registry.Note, n)
	for i := range notes {
		notes[i] = registry.Note{
			Kind: rapid.SampledFrom([]registry.Kind{registry.Space, registry.Friend, "later"}).Draw(t, "kind"),
			ID:   rapid.SampledFrom([]string{"a", "b", "\x00/\xff"}).Draw(t, "id"),
			Set:  map[string][]byte{},
		}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			field := rapid.SampledFrom([]string{registry.Stage, "x", "y.z_1-A"}).Draw(t, "field")
			notes[i].Set[field] = []byte(rapid.SampledFrom([]string{"", "1making", "2live", "5gone"}).Draw(t, "value"))
		}
	}
	return notes
}

// states returns three states with a common past, as three devices of an account have.
func states(t *rapid.T) (a, b, c registry.State) {
	past := registry.State{}.With(draw(t, "past")...)
	a, b, c = past.With(draw(t, "a")...), past.With(draw(t, "b")...), past.With(draw(t, "c")...)
	if rapid.Bool().Draw(t, "met") {
		c = registry.Join(b, c).With(draw(t, "later")...)
	}
	return a, b, c
}

// TestJoin checks that joining is commutative, associative and idempotent, and that a joined state holds what each of
// the two has noted last, or something that won over it.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := states(t)
		ab := registry.Join(a, b)
		if !registry.Equal(ab, registry.Join(b, a)) {
			t.Fatalf("not commutative: %s, %s", show(ab), show(registry.Join(b, a)))
		}
		left, right := registry.Join(ab, c), registry.Join(a, registry.Join(b, c))
		if !registry.Equal(left, right) {
			t.Fatalf("not associative: %s, %s", show(left), show(right))
		}
		if !registry.Equal(ab, registry.Join(ab, a)) || !registry.Equal(ab, registry.Join(b, ab)) {
			t.Fatal("not idempotent")
		}
	})
}

// TestStageGrows checks that no note and no join makes a stage smaller.
func TestStageGrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, _ := states(t)
		for _, next := range []registry.State{registry.Join(a, b), registry.Join(b, a), a.With(draw(t, "more")...)} {
			for _, kind := range []registry.Kind{registry.Space, registry.Friend, "later"} {
				for id, r := range a.All(kind) {
					now, there := next.Get(kind, id)
					if !there || string(now.Get(registry.Stage)) < string(r.Get(registry.Stage)) {
						t.Fatalf("%s %q fell from %q to %q", kind, id, r.Get(registry.Stage), now.Get(registry.Stage))
					}
				}
			}
		}
	})
}

// TestNote checks that a note is visible at once, and that the change that it makes, joined with the state before, is
// the state after; so a record of the journal can be replayed on any state, any number of times.
func TestNote(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, _ := states(t)
		notes := draw(t, "notes")
		next, change, err := a.Note(notes...)
		if err != nil {
			t.Fatal(err)
		}
		if !registry.Equal(next, a.With(notes...)) || !registry.Equal(next, registry.Join(a, change)) {
			t.Fatalf("%s with %s is %s", show(a), show(change), show(next))
		}
		for _, n := range notes[max(0, len(notes)-1):] {
			r, there := next.Get(n.Kind, n.ID)
			for field, value := range n.Set {
				got := string(r.Get(field))
				if !there || got != string(value) && (field != registry.Stage || got < string(value)) {
					t.Fatalf("%s is %q and not %q", field, got, value)
				}
			}
		}
		if twice, change, err := next.Note(notes[max(0, len(notes)-1):]...); err != nil ||
			change.Len() != 0 || !registry.Equal(next, twice) {
			t.Fatalf("the same note again changes %s, %v", show(change), err)
		}
		if met := registry.Join(b, next); !registry.Equal(met, registry.Join(met, change)) {
			t.Fatal("a change made again changes something")
		}
	})
}

func TestOrder(t *testing.T) {
	s := registry.State{}
	for _, id := range []string{"c", "a", "b"} {
		s = s.With(registry.Note{Kind: registry.Friend, ID: id, Set: map[string][]byte{"n": []byte(id), "m": nil}},
			registry.Note{Kind: registry.Group, ID: id})
	}
	var ids, fields []string
	for id, r := range s.All(registry.Friend) {
		ids = append(ids, id+string(r.Get("n")))
		for name := range r.Fields() {
			fields = append(fields, name)
		}
	}
	if s.Len() != 6 || !slices.Equal(ids, []string{"aa", "bb", "cc"}) || !slices.Equal(fields[:2], []string{"m", "n"}) {
		t.Errorf("%d records: %q, %q", s.Len(), ids, fields)
	}
	if _, there := s.Get(registry.Share, "a"); there {
		t.Error("a share that nobody noted")
	}
}

// TestBounds checks that what can't be stored is refused when it is noted.
func TestBounds(t *testing.T) {
	set := func(fields ...string) map[string][]byte {
		m := map[string][]byte{}
		for _, f := range fields {
			m[f] = []byte("v")
		}
		return m
	}
	var many, large = set(), set()
	for i := range registry.MaxFields + 1 {
		many[fmt.Sprint(i)] = nil
	}
	for i := range 8 {
		large[fmt.Sprint(i)] = make([]byte, registry.MaxField)
	}
	for name, n := range map[string]registry.Note{
		"no kind":                {ID: "a"},
		"a long kind":            {Kind: registry.Kind(strings.Repeat("a", 33)), ID: "a"},
		"a kind with a dash":     {Kind: "a-b", ID: "a"},
		"no id":                  {Kind: "a"},
		"a long id":              {Kind: "a", ID: strings.Repeat("a", registry.MaxID+1)},
		"a field without a name": {Kind: "a", ID: "a", Set: set("")},
		"a long name":            {Kind: "a", ID: "a", Set: set(strings.Repeat("a", 97))},
		"a name with a space":    {Kind: "a", ID: "a", Set: set("a b")},
		"a long value":           {Kind: "a", ID: "a", Set: map[string][]byte{"a": make([]byte, registry.MaxField+1)}},
		"many fields":            {Kind: "a", ID: "a", Set: many},
		"a large record":         {Kind: "a", ID: "a", Set: large},
	} {
		next, change, err := registry.State{}.Note(registry.Note{Kind: "ok", ID: "ok"}, n)
		if !errors.Is(err, vfs.ErrInvalid) && !errors.Is(err, vfs.ErrTooLarge) || next.Len()+change.Len() > 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	notes := make([]registry.Note, registry.MaxRecords+1)
	for i := range notes {
		notes[i] = registry.Note{Kind: "a", ID: fmt.Sprint(i)}
	}
	if _, _, err := (registry.State{}).Note(notes[:2000]...); err != nil {
		t.Error(err)
	}
}

func show(s registry.State) string {
	b, err := s.Encode()
	return fmt.Sprintf("%x %v", b, err)
}
