package meet_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/evil"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/meet"
)

// eachStore runs a test at every kind of store.
func eachStore(t *testing.T, run func(t *testing.T, r remote.Roles)) {
	t.Run("mem", func(t *testing.T) { run(t, verify.New(mem.New(), new(verify.MemoryPins)).Roles()) })
	t.Run("disk", func(t *testing.T) {
		s, err := disk.Open(filepath.Join(t.TempDir(), "store"), disk.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		run(t, verify.New(s, new(verify.MemoryPins)).Roles())
	})
}

// Two people who know a name of each other exchange request and reply, with real stamps.
func TestTwoPeopleMeet(t *testing.T) {
	eachStore(t, func(t *testing.T, r remote.Roles) {
		c := newClock()
		alice, bob := someone("alice", c, r), someone("bob", c, r)
		if err := alice.Claim(t.Context(), "alice", []string{"disk:/mnt/nas"}); err != nil {
			t.Fatal(err)
		}
		card, err := bob.LookUp(t.Context(), "ALICE")
		if err != nil || card.Author != alice.Author().ID() || card.Inbox != alice.InboxID() || card.Name != "alice" {
			t.Fatalf("bob finds %v, %v", card.Author, err)
		}
		request := bob.request(t)
		bob.send(t, card, request)

		got, report := alice.read(t)
		if len(got) != 1 || got[0].From.Author != bob.Author().ID() || got[0].Pair != request.Pair || report.Refused() != 0 {
			t.Fatalf("alice reads %d messages, %+v", len(got), report)
		}
		if again, _ := alice.read(t); len(again) != 1 {
			t.Error("a letter that was not handled is not handed out again")
		}
		alice.done(t, got...)
		if again, report := alice.read(t); len(again) != 0 || report.Listed != 0 {
			t.Errorf("a letter that was handled is still there: %+v", report)
		}

		reply := alice.message(t, crypto.Reply, got[0].ID)
		alice.send(t, got[0].From, reply)
		if got, _ := bob.read(t); len(got) != 1 || got[0].ReplyTo != request.ID || got[0].Pair != reply.Pair {
			t.Errorf("bob reads %d messages", len(got))
		}
	})
}

func TestNamesAreClaimedOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, r remote.Roles) {
		ctx, c := t.Context(), newClock()
		alice, mallory := someone("alice", c, r), someone("mallory", c, r)
		for _, name := range []string{"alice", "Alice", "\uff21lice"} {
			if err := alice.Claim(ctx, name, []string{"disk:/a"}); err != nil {
				t.Errorf("claim %q: %v", name, err)
			}
			if err := mallory.Claim(ctx, name, nil); !errors.Is(err, meet.ErrTaken) {
				t.Errorf("claimed by another %q: %v", name, err)
			}
		}
		card, err := mallory.LookUp(ctx, "alice")
		if err != nil || card.Seq != 1 || !slices.Equal(card.Stores, []string{"disk:/a"}) {
			t.Errorf("the card has sequence %d, %v", card.Seq, err)
		}
		if err := alice.Claim(ctx, "alice", []string{"disk:/a", "s3://b"}); err != nil {
			t.Error(err)
		}
		if card, err = mallory.LookUp(ctx, "alice"); err != nil || card.Seq != 2 || len(card.Stores) != 2 {
			t.Errorf("the new card has sequence %d, %v", card.Seq, err)
		}
		if _, err := alice.LookUp(ctx, "nobody-here"); !errors.Is(err, remote.ErrNotFound) {
			t.Errorf("a name that nobody has: %v", err)
		}
		if _, err := alice.LookUp(ctx, "al ice"); err == nil {
			t.Error("a name with a blank is looked up")
		}
	})
}

// A new account of the same person goes on with the name, and the old one's card is gone.
func TestNameMovesToANewAccount(t *testing.T) {
	ctx, r, c := t.Context(), mem.New().Roles(), newClock()
	old, next, bob := someone("old", c, r), someone("next", c, r), someone("bob", c, r)
	if err := old.Claim(ctx, "alice", nil); err != nil {
		t.Fatal(err)
	}
	if err := next.Claim(ctx, "alice", nil); !errors.Is(err, meet.ErrTaken) {
		t.Errorf("without the old account's seed: %v", err)
	}
	next.Desk = meet.New(meet.Options{Account: next.AccountSecret, Names: r.Names, Now: c.Now,
		Holder: func(name string) (crypto.HolderSeed, bool) { return old.Holder(name), name == "alice" }})
	if err := next.Claim(ctx, "alice", nil); err != nil {
		t.Fatal(err)
	}
	card, err := bob.LookUp(ctx, "alice")
	if err != nil || card.Author != next.Author().ID() || card.Seq != 2 {
		t.Errorf("bob finds sequence %d, %v", card.Seq, err)
	}
	if err := next.Claim(ctx, "alice2", nil); err != nil {
		t.Errorf("a name of its own: %v", err)
	}
}

func TestReservedNames(t *testing.T) {
	alice := someone("alice", newClock(), mem.New().Roles())
	for _, name := range append([]string{"Links", "ME"}, meet.Reserved...) {
		if err := alice.Claim(t.Context(), name, nil); !errors.Is(err, meet.ErrReserved) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", ".a", "\u0430lice"} {
		if err := alice.Claim(t.Context(), name, nil); err == nil || errors.Is(err, meet.ErrReserved) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if !slices.IsSorted(meet.Reserved) {
		t.Error("the list is not sorted")
	}
}

// Of many accounts one gets the name; the devices of one account all get it.
func TestNameRace(t *testing.T) {
	r, c := mem.New().Roles(), newClock()
	var wait sync.WaitGroup
	var mu sync.Mutex
	claimed := map[string]int{}
	for _, name := range []string{"alice", "bob", "carol"} {
		for range 3 {
			device := someone(name, c, r)
			wait.Go(func() {
				err := device.Claim(t.Context(), "wanted", []string{"disk:/" + name})
				if err != nil && !errors.Is(err, meet.ErrTaken) {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					claimed[name]++
					mu.Unlock()
				}
			})
		}
	}
	wait.Wait()
	for name, devices := range claimed {
		if len(claimed) != 1 || devices != 3 {
			t.Errorf("%s has the name on %d devices", name, devices)
		}
	}
}

// Nothing that a store says about names is believed.
func TestLiesAboutNames(t *testing.T) {
	for _, lie := range []evil.Lie{evil.ForgedName, evil.StolenName, evil.LoseName, evil.FalseClaim} {
		for name, over := range map[string]func(remote.Store) remote.Roles{
			"raw":      remote.Store.Roles,
			"verified": func(s remote.Store) remote.Roles { return verify.New(s, new(verify.MemoryPins)).Roles() },
		} {
			t.Run(lie.String()+", "+name, func(t *testing.T) {
				ctx, c, store := t.Context(), newClock(), evil.New(mem.New(), evil.Options{})
				alice, bob := someone("alice", c, over(store)), someone("bob", c, over(store))
				if err := alice.Claim(ctx, "alice", nil); err != nil {
					t.Fatal(err)
				}
				store.SetLies(lie)
				if card, err := bob.LookUp(ctx, "alice"); err == nil && card.Author != alice.Author().ID() {
					t.Error("bob believes in another card")
				} else if lie != evil.FalseClaim && err == nil {
					t.Error("bob notices nothing")
				}
				if err := alice.Claim(ctx, "alice", nil); errors.Is(err, meet.ErrTaken) {
					t.Errorf("a lie counts as the claim of another: %v", err)
				}
				if err := bob.Claim(ctx, "bob", nil); (err == nil) != (store.Told(lie) == 0) {
					if lie == evil.FalseClaim || lie == evil.LoseName {
						t.Errorf("bob claims a name: %v", err)
					}
				}
				store.SetLies()
				if err := alice.Claim(ctx, "alice", []string{"disk:/b"}); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		}
	}
}

func TestStoreWithoutRoles(t *testing.T) {
	alice := someone("alice", newClock(), remote.Roles{})
	_, _, read := alice.Read(t.Context())
	_, lookUp := alice.LookUp(t.Context(), "bob")
	for what, err := range map[string]error{
		"claim":   alice.Claim(t.Context(), "alice", nil),
		"look up": lookUp,
		"send":    alice.Send(t.Context(), alice.card(), alice.request(t)),
		"read":    read,
	} {
		if !errors.Is(err, remote.ErrNoRole) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestSendingEnds(t *testing.T) {
	alice := someone("alice", newClock(), mem.New().Roles())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := alice.Send(ctx, alice.card(), alice.request(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("without time: %v", err)
	}
	if err := alice.Send(t.Context(), alice.card(), crypto.Message{}); err == nil {
		t.Error("nothing is sent")
	}
}

func TestFullInbox(t *testing.T) {
	c, store := newClock(), mem.New().LimitLetters(1)
	alice, bob := someone("alice", c, store.Roles()), someone("bob", c, store.Roles())
	bob.send(t, alice.card(), bob.request(t))
	if err := bob.Send(t.Context(), alice.card(), bob.request(t)); !errors.Is(err, remote.ErrFull) {
		t.Errorf("one letter more: %v", err)
	}
	door := alice.card()
	door.Inbox = alice.Door(1)
	bob.send(t, door, bob.request(t))
	if got, report := alice.read(t, door.Inbox); len(got) != 1 || report.Repeated != 1 || report.Listed != 2 {
		t.Errorf("alice reads %d messages, %+v", len(got), report)
	}
}
