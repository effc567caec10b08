package people

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
	"postern/vfs/meet"
	"postern/vfs/roots"
)

// WithoutStamps has an account write letters to and read them from another inbox, without stamps.
func WithoutStamps(p *People, inbox remote.Inbox) {
	o := p.meeting()
	o.Inbox, o.Unstamped = inbox, true
	p.desk = meet.New(o)
}

// CoverSize is the size of the largest blob that cover fetches.
const CoverSize = coverSize

// Cover switches cover on.
func Cover(p *People) { p.cover() }

// Befriend makes two accounts friends, without letters and their stamps.
func Befriend(ctx context.Context, a, b *People) error {
	return errors.Join(a.knows(ctx, b), b.knows(ctx, a))
}

// knows records another account as a friend.
func (p *People) knows(ctx context.Context, other *People) error {
	p.making.Lock()
	defer p.making.Unlock()
	card, err := p.desk.LookUp(ctx, other.called())
	if err != nil {
		return err
	}
	note, err := p.meetNote(p.o.Own.Private(), card, IsFriend)
	if err != nil {
		return err
	}
	me := person{Friend: Friend{author: p.o.Account.Author().ID(), State: IsFriend}}
	pair, err := other.publishPair(ctx, me, other.offers(other.o.Own.Private())(me))
	if err != nil {
		return err
	}
	note.Set[fieldTheirs], note.Set[fieldSent] = pair.ReadOnly().Marshal(), timeBytes(p.o.Now())
	return errors.Join(p.o.Own.Note(ctx, note), p.show())
}

// Record records the edited folders that are to be carried over, without doing that.
func (p *People) Record(ctx context.Context) error {
	p.making.Lock()
	defer p.making.Unlock()
	return p.takeCarried(ctx)
}

// Mine returns what this account shares.
func (p *People) Mine() []Share { return p.mine() }

// Keys returns the capabilities of the folders that this account shares now.
func (p *People) Keys() (all []crypto.Capability) {
	for _, o := range p.spaces(p.o.Own.Private()) {
		if o.Use == useShare && o.Stage == roots.Live {
			all = append(all, o.Capability)
		}
	}
	return all
}
