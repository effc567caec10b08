package people

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

// offerWriter is the property of a mount in a pair space that holds the writer seed of the shared space.
var offerWriter = vfs.PropertyName{Space: view.Inner, Local: "writer"}

// offerOrigin is the property of a mount that names the first of the spaces that its space replaces. Whoever has
// changes for one of them learns from it where they belong.
var offerOrigin = vfs.PropertyName{Space: view.Inner, Local: "origin"}

// pairSecret returns the secret of the pair space for somebody. All devices of the account compute the same, so that
// two of them never make two spaces.
func (p *People) pairSecret(f person) crypto.SpaceSecret {
	return p.o.Account.PairSecret(f.author, f.turn)
}

// keys returns the keys of this account to write one of its spaces.
func (p *People) keys(c crypto.Capability) base.Keys {
	return base.Of(c, p.o.Account)
}

// publishPair makes the pair space for somebody hold exactly these offers, and returns its capability.
func (p *People) publishPair(ctx context.Context, f person, offers []offer) (crypto.Capability, error) {
	secret := p.pairSecret(f)
	if err := p.begin(ctx, secret, usePair); err != nil {
		return crypto.Capability{}, err
	}
	own := p.spaces(p.o.Own.Private())[secret.Keys().ID]
	_, err := space.Publish(ctx, p.o.Store, p.keys(own.Capability), p.publishing(),
		func(ctx context.Context, _ *tree.Nodes, whole tree.Tree) (tree.Tree, error) {
			return p.arrange(ctx, whole, offers)
		})
	if err != nil {
		return crypto.Capability{}, err
	}
	return own.Capability, p.o.Own.Note(ctx, registry.Note{Kind: kindSpace, ID: own.ID.String(), Set: map[string][]byte{
		fieldStage: stageBytes(max(own.Stage, roots.Live)), fieldPublished: sumOfOffers(offers),
	}})
}

// sumOfOffers returns a hash of offers, in any order.
func sumOfOffers(all []offer) []byte {
	lines := []string{}
	for _, o := range all {
		lines = append(lines, fmt.Sprintf("%q %x %t %t", o.name, o.target.Capability.Marshal(), o.target.File, o.write))
	}
	slices.Sort(lines)
	sum := crypto.NameOf([]byte(strings.Join(lines, "\n")))
	return sum[:]
}

// flush commits the records. It returns at once while the storage is away, so that a command does not wait for it.
func (p *People) flush(ctx context.Context) error {
	if _, err := p.o.Store.Load(ctx, p.o.Own.ID()); err != nil {
		return offline("the wishes of this account can't be kept at the storage now", err)
	}
	return p.o.Own.Flush(ctx)
}

// begin records a space before anything of it is at the store, so that no device takes its blobs for garbage.
func (p *People) begin(ctx context.Context, secret crypto.SpaceSecret, use string) error {
	s := p.o.Own.Private()
	var notes []registry.Note
	if storeOf(s).IsZero() {
		id, err := p.o.Store.ID(ctx)
		if err != nil {
			return err
		}
		notes = append(notes, registry.Note{Kind: kindAccount, ID: self, Set: map[string][]byte{fieldStore: id[:]}})
	}
	if _, known := s.Get(kindSpace, secret.Keys().ID.String()); !known {
		notes = append(notes, spaceNote(secret, use, roots.Making))
	}
	if len(notes) == 0 {
		return nil
	}
	if err := p.o.Own.Note(ctx, notes...); err != nil {
		return err
	}
	return p.flush(ctx)
}

func (p *People) publishing() space.PublishOptions {
	return space.PublishOptions{Device: p.o.Device, Rand: p.o.Rand, Now: p.o.Now}
}

// offer is a mount in a pair space.
type offer struct {
	name   string
	space  crypto.Capability
	write  bool
	target object.Target
	origin string // the first of the spaces that this one replaces; "": none
}

// arrange makes the folder of a pair space hold exactly the offers.
func (p *People) arrange(ctx context.Context, t tree.Tree, offers []offer) (tree.Tree, error) {
	want := map[string]offer{}
	for _, o := range offers {
		want[object.SortKey(o.name)] = o
	}
	var stale []string
	for e, err := range t.List(ctx, base.FilesPath) {
		if err != nil {
			return t, err
		}
		o, wanted := want[object.SortKey(e.Info().Name)]
		switch m := e.Mount(); {
		case !wanted:
			stale = append(stale, e.Info().Name)
		case m != nil && m.Capability == o.target.Capability && slices.Equal(e.Info().Properties, o.properties()):
			delete(want, object.SortKey(o.name)) // it is there
		default:
			stale = append(stale, e.Info().Name) // it is made again
		}
	}
	var ops []tree.Op
	for _, name := range stale {
		ops = append(ops, tree.Remove{Path: base.FilesPath + "/" + name})
	}
	for _, o := range offers {
		if _, missing := want[object.SortKey(o.name)]; !missing {
			continue
		}
		version, err := base.NewVersion(p.o.Rand)
		if err != nil {
			return t, err
		}
		ops = append(ops, tree.Mount{Path: base.FilesPath + "/" + o.name, Target: o.target, Version: version,
			Time: p.o.Now(), Properties: o.properties()})
	}
	for _, op := range ops {
		var err error
		if t, _, err = tree.Apply(ctx, t, op); err != nil {
			return t, err
		}
	}
	return t, nil
}

func (o offer) properties() (all []vfs.Property) {
	if o.origin != "" {
		all = append(all, vfs.Property{Name: offerOrigin, Value: o.origin})
	}
	if o.write {
		all = append(all, vfs.Property{Name: offerWriter, Value: hex.EncodeToString(o.space.Writer[:])})
	}
	return all
}

// offers returns a function that returns what somebody may open, as their pair space shows it.
func (p *People) offers(s registry.State) func(person) []offer {
	owned, shares := p.spaces(s), p.shares(s)
	return func(f person) (all []offer) {
		if f.State != IsFriend {
			return nil
		}
		for _, sh := range shares {
			write, granted := sh.rights(s, f.author)
			o, there := owned[sh.id]
			if !granted || !there || o.Stage != roots.Live && o.Stage != roots.Closing || sh.away {
				continue
			}
			all = append(all, offer{name: sh.name, space: o.Capability, write: write, origin: sh.origin,
				target: object.Target{Capability: o.ReadOnly(), File: sh.file}})
		}
		return all
	}
}

// reconcile makes all spaces of this account equal to its records.
func (p *People) reconcile(ctx context.Context) error {
	united := p.unite(ctx)
	errs := []error{united, p.takeMoves(ctx), p.carry(ctx)}
	if united == nil { // else it would record two folders
		errs = append(errs, p.settleMounts(ctx))
	}
	errs = append(errs, p.sendLetters(ctx), p.expireLinks(ctx), p.finishRotations(ctx), p.passOn(ctx), p.carryLate(ctx),
		p.bringPending(ctx), p.forgetRetired(ctx), p.refreshRosters(ctx), p.publishFiles(ctx), p.publishLinks(ctx),
		p.refreshOpened(ctx))
	if len(p.spaces(p.o.Own.Private())) > 0 {
		errs = append(errs, p.noteDevice(ctx))
	}
	friends, err := p.shuffled(persons(p.o.Own.Private()))
	errs = append(errs, err)
	offers := p.offers(p.o.Own.Private())
	for _, f := range friends {
		if f.State == IsFriend || f.State == Removed || f.State == Blocked {
			errs = append(errs, p.refreshPair(ctx, f, offers(f)))
		}
	}
	return errors.Join(errs...)
}

// shuffled returns people in a random order, so that the store does not see that of their names. It changes all.
func (p *People) shuffled(all []person) ([]person, error) {
	seed, err := crypto.Random[[32]byte](p.o.Rand)
	if err != nil {
		return nil, err
	}
	rand.New(rand.NewChaCha8(seed)).Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all, nil
}

// refreshPair publishes a pair space again, if it exists and the records have changed since the last time.
func (p *People) refreshPair(ctx context.Context, f person, offers []offer) error {
	r, made := p.o.Own.Private().Get(kindSpace, p.derived.keys(p.pairSecret(f)).ID.String())
	if !made || bytes.Equal(r.Get(fieldPublished), sumOfOffers(offers)) {
		return nil
	}
	_, err := p.publishPair(ctx, f, offers)
	return err
}

// originOf returns the id of the first of the spaces that the space of a mount replaces, or of that space itself.
func originOf(m tree.Mounted) string {
	for _, property := range m.Entry.Info().Properties {
		if property.Name == offerOrigin {
			return property.Value
		}
	}
	return m.Target.Capability.ID.String()
}

// withOrigin returns the properties for the mount that is to replace another one: others may write the folder around
// it, and have changes for the old space.
func withOrigin(m tree.Mounted) []vfs.Property {
	origin := vfs.Property{Name: offerOrigin, Value: originOf(m)}
	all := slices.DeleteFunc(slices.Clone(m.Entry.Info().Properties), func(q vfs.Property) bool {
		return q.Name == offerOrigin
	})
	at, _ := slices.BinarySearchFunc(all, origin.Name, func(q vfs.Property, name vfs.PropertyName) int {
		return object.CompareProperties(q.Name, name)
	})
	return slices.Insert(all, at, origin)
}
