package people_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs/simfs"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/people"
	"postern/vfs/people/peopletest"
)

// crowd is a world whose store records everything. The first half of its users own what the second half reads. Worlds
// of one size differ only in which owner has which reader, and in the order in which users happen to act. So a store
// tells two worlds apart if, and only if, it tells an owner's reader from the readers of others.
type crowd struct {
	t      *testing.T
	random *rand.Rand
	rec    *recorder
	users  []peopletest.Gateway
	reader []int // by owner
}

// newCrowd makes a world and lets its users meet, share, read and link.
func newCrowd(t *testing.T, random *rand.Rand, size int, cover bool) *crowd {
	t.Helper()
	c := &crowd{t: t, random: random, rec: newRecorder()}
	kit := &trees{store: mem.New(), disks: map[int]*simfs.FS{}, pins: map[int]*verify.MemoryPins{}}
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for i := range size {
		g := kit.Open(t, peopletest.Home{User: name(i), Name: name(i), Number: i, First: true,
			Account: crypto.AccountSecret{byte(i + 1)}, Now: func() time.Time { return now }, Around: c.rec.client(i)})
		people.WithoutStamps(g.People, mail{c.rec, i})
		if cover {
			people.Cover(g.People)
		}
		c.users = append(c.users, g)
		_, err := g.People.Claim(t.Context(), name(i))
		c.must(err)
		c.look(i)
	}
	for _, r := range random.Perm(size / 2) {
		c.reader = append(c.reader, size/2+r)
	}
	c.act()
	for _, g := range c.users {
		c.must(g.Close())
	}
	return c
}

func name(i int) string { return fmt.Sprintf("user-%02d", i) }

func (c *crowd) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// look has a gateway do what it does in the background.
func (c *crowd) look(i int) {
	c.t.Helper()
	g := c.users[i]
	_, err := g.People.Friends(c.t.Context())
	c.must(err)
	c.must(g.People.Sync(c.t.Context()))
	c.must(g.Own.Home().Flush(c.t.Context()))
	c.must(g.People.Look(c.t.Context()))
}

// each has all owners do something at about the same time, or all readers with their owners, and all gateways look.
func (c *crowd) each(do func(owner, reader int) error) {
	c.t.Helper()
	c.rec.next()
	for _, owner := range c.random.Perm(len(c.reader)) {
		c.must(do(owner, c.reader[owner]))
	}
	for range 2 {
		c.rec.next()
		for _, i := range c.random.Perm(len(c.users)) {
			c.look(i)
		}
	}
}

// act is the script.
func (c *crowd) act() {
	c.t.Helper()
	ctx := c.t.Context()
	links := make([]string, len(c.reader))
	c.each(func(owner, reader int) error {
		_, err := c.users[owner].People.Add(ctx, name(reader))
		return err
	})
	c.each(func(owner, reader int) error {
		_, err := c.users[reader].People.Accept(ctx, name(owner))
		return err
	})
	c.each(func(owner, reader int) error {
		g := c.users[owner]
		c.must(g.Mkdir(ctx, "/files/d"))
		c.must(g.Put(ctx, "/files/d/f", "one"))
		_, err := g.People.Share(ctx, "/files/d", []string{name(reader)}, false)
		return err
	})
	read := func(owner, reader int) error {
		_, err := c.users[reader].Get(ctx, "/shared/"+name(owner)+"/d/f")
		return err
	}
	c.each(read)
	c.each(func(owner, _ int) error { return c.users[owner].Put(ctx, "/files/d/f", "two") })
	c.each(read)
	c.each(func(owner, _ int) error {
		l, err := c.users[owner].People.CreateLink(ctx, "/files/d", people.LinkOptions{})
		links[owner] = l.URL
		return err
	})
	c.each(func(owner, reader int) error {
		at, err := c.users[reader].People.OpenLink(ctx, links[owner], "")
		c.must(err)
		_, err = c.users[reader].Get(ctx, at+"/f")
		return err
	})
}

// shape is the kind and size of a request.
func (q request) shape() string { return q.op + " " + strconv.FormatInt(q.size, 10) }

// counts is what a store counts about pairs of an owner and a reader.
type counts struct {
	half int // the number of owners
	of   map[[2]int]map[string]float64
}

// add counts something about two users, unless they are no pair.
func (c counts) add(a, b int, what string) {
	pair := [2]int{a, b}
	if a > b {
		pair, what = [2]int{b, a}, "back: "+what
	}
	if pair[0] < 0 || pair[0] >= c.half || pair[1] < c.half {
		return
	}
	if c.of[pair] == nil {
		c.of[pair] = map[string]float64{}
	}
	c.of[pair][what]++
}

// samples returns a sample for each owner and each reader.
func (c *crowd) samples(seen counts) (all []sample) {
	for owner, reader := range c.reader {
		for other := range seen.half {
			other += seen.half
			all = append(all, sample{seen.of[[2]int{owner, other}], other == reader})
		}
	}
	return all
}

// labelled returns what a store counts that tells its clients apart: their requests for what another one was the first
// to ask for, and what each asks for directly after another one. It leaves out some operations.
func (c *crowd) labelled(without ...string) []sample {
	seen := counts{len(c.reader), map[[2]int]map[string]float64{}}
	first := map[string]int{}
	last := request{client: -1}
	for _, q := range c.rec.all {
		if slices.Contains(without, q.op) {
			continue
		}
		if of, known := first[q.id]; known && q.id != wholeStore {
			seen.add(q.client, of, q.shape())
		} else {
			first[q.id] = q.client
		}
		seen.add(last.client, q.client, last.shape()+", "+q.shape())
		last = q
	}
	return c.samples(seen)
}

// wholeStore is the id of requests that are about nothing in the store.
var wholeStore = remote.Place{}.String()

// unlabelled returns what a store counts that can't tell its clients apart. It knows which pointer, inbox and name
// belong together, since accounts are made one after the other, and counts which of them it gets requests for in
// succession.
func (c *crowd) unlabelled() []sample {
	seen := counts{len(c.reader), map[[2]int]map[string]float64{}}
	user := map[string]int{}
	for _, q := range c.rec.all {
		if _, known := user[q.id]; !known && q.phase == 0 && q.id != wholeStore {
			user[q.id] = q.client
		}
	}
	last, was := request{}, -1
	for _, q := range c.rec.mixed(c.random) {
		is, known := user[q.id]
		if !known {
			is = -1
		}
		seen.add(was, is, last.shape()+", "+q.shape())
		last, was = q, is
	}
	return c.samples(seen)
}

// betray plants a leak in the record: the gateway of each owner looks up its reader's name whenever it loads its own
// pointer.
func (c *crowd) betray() {
	of := func(client int, op string) request {
		i := slices.IndexFunc(c.rec.all, func(q request) bool { return q.client == client && q.op == op })
		return c.rec.all[i]
	}
	for owner, reader := range c.reader {
		c.rec.plant(owner, of(owner, remote.OpLoad), of(reader, remote.OpLookUp))
	}
}

// number returns how many worlds TestTwoWorlds compares, and how many users each has. The default is what a few seconds
// of processor time allow; POSTERN_WORLDS=100x20 takes some minutes.
func number() (worlds, size int) {
	if _, err := fmt.Sscanf(os.Getenv("POSTERN_WORLDS"), "%dx%d", &worlds, &size); err != nil {
		return 10, 8
	}
	return worlds, size
}

// TestTwoWorlds: a store that records all requests learns from them who is whose friend only where crypto/THREATS.md
// says so. Half of the worlds train a classifier, which guesses the pairs of the others.
func TestTwoWorlds(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	n, size := number()
	of := map[string][][]sample{}
	for range n {
		c := newCrowd(t, random, size, false)
		for what, samples := range map[string][]sample{
			"without labels": c.unlabelled(),
			"blobs":          c.labelled(remote.OpDrop, remote.OpLookUp),
			"letters":        c.labelled(remote.OpGet),
			"pointers":       c.labelled(remote.OpDrop, remote.OpLookUp, remote.OpGet),
		} {
			of[what] = append(of[what], samples)
		}
		c.betray()
		of["planted"] = append(of["planted"], c.unlabelled())
		c = newCrowd(t, random, size, true)
		of["covered"] = append(of["covered"], c.labelled(remote.OpDrop, remote.OpLookUp))
	}
	for what, found := range map[string]bool{"without labels": false, "planted": true, "blobs": true, "letters": true,
		"pointers": false, "covered": false} {
		g := learn(slices.Concat(of[what][:n/2]...), random)
		auc, spread := g.auc(slices.Concat(of[what][n/2:]...))
		t.Logf("%s: AUC %.3f, chance is 0.5 ± %.3f", what, auc, spread)
		if off := max(0.05, 4*spread); found != (auc > 0.9) || !found && (auc < 0.5-off || auc > 0.5+off) {
			t.Errorf("%s: pairs are guessed with an AUC of %.3f", what, auc)
			for f, w := range g.weights {
				if w > 1 || w < -1 {
					t.Logf("%.2f for %s", w, f)
				}
			}
		}
	}
}

// TestEqualShapes: with 20 users, each owner writes as many letters and moves as many pointers of shared spaces as any
// other owner, and so does each reader. All letters have one size, and cover fetches all blobs that others read. The
// private state in the own space grows with what it holds, and commits of it are as many as time makes of them.
func TestEqualShapes(t *testing.T) {
	c := newCrowd(t, rand.New(rand.NewPCG(3, 4)), 20, false)
	written := make([]map[string]int, len(c.users))
	for i := range written {
		written[i] = map[string]int{}
	}
	own, putter := map[string]bool{}, map[string]int{}
	for _, q := range c.rec.all {
		switch {
		case q.op == remote.OpPut:
			putter[q.id] = q.client
		case q.op == remote.OpGet && putter[q.id] != q.client && q.size > people.CoverSize:
			t.Errorf("a blob of %d bytes is read by others", q.size)
		case q.op == remote.OpSwap && q.phase == 0:
			own[q.id] = true
		case q.op == remote.OpSwap && !own[q.id], q.op == remote.OpDrop:
			written[q.client][q.shape()]++
		}
		if q.op == remote.OpDrop && q.size != crypto.LetterSize {
			t.Errorf("a letter of %d bytes", q.size)
		}
	}
	half := len(c.reader)
	for i, all := range written {
		if like := written[i/half*half]; !maps.Equal(all, like) || len(all) != 2 {
			t.Errorf("user %d writes %v, and another one %v", i, all, like)
		}
	}
}
