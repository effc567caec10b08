package peopletest

import (
	"context"
	"slices"
	"testing"
)

// Story is what some users do, and see.
type Story struct {
	Name  string
	Users []string
	Steps []Step
	// Direct says that the story needs a world of its own, because it changes friendships, or the clock, or adds devices.
	Direct bool
}

// Tell runs the story in a world of its own. At the end every account collects its garbage.
func (s Story) Tell(t *testing.T, kit Kit) {
	t.Helper()
	w := Users(t, kit, s.Users...)
	w.Tell(s.Steps...)
	w.Tell(look(), tidy())
}

// TellTogether runs the stories that leave friendships and the clock alone, one after the other in one world: all, or
// each fourth.
func TellTogether(t *testing.T, kit Kit, all bool) {
	t.Helper()
	w := Users(t, kit, three...)
	w.Tell(befriend("bob", "alice"), befriend("bob", "carol"))
	for i, s := range Stories() {
		if s.Direct || !all && i%4 > 0 {
			continue
		}
		if !t.Run(s.Name, func(t *testing.T) { w.in(t).Tell(append(s.Steps, clears())...) }) {
			return // the others would fail, too
		}
	}
	w.in(t).Tell(tidy())
}

// Stories returns all stories.
func Stories() []Story {
	return slices.Concat(sharing, moving, leaving, meeting, linking, failing)
}

var (
	two   = []string{"alice", "bob"}
	three = []string{"alice", "bob", "carol"}
)

// steps makes one step of several.
func steps(all ...Step) Step {
	return func(ctx context.Context, w *World) error {
		for _, s := range all {
			if err := s(ctx, w); err != nil {
				return err
			}
		}
		return nil
	}
}

// photos has Bob share a folder with friends, which has one file.
func photos(r right, with ...string) Step {
	var all []Step
	for _, who := range with {
		all = append(all, befriend("bob", who))
	}
	return steps(append(all,
		as("bob", mkdir("/files/photos"), put("/files/photos/a", "1"), share("/files/photos", r, with...)),
		look())...)
}
