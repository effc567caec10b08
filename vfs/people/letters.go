package people

import (
	"context"
	"errors"
	"slices"
	"time"

	"postern/crypto"
	"postern/vfs/registry"
)

// readLetters takes what has come into the inbox.
func (p *People) readLetters(ctx context.Context) error {
	received, report, err := p.desk.Read(ctx)
	p.mu.Lock()
	p.report = report
	p.counts.Letters += len(received)
	p.counts.Refused += refused(report)
	p.mu.Unlock()
	for _, r := range received {
		if err := p.receive(ctx, r.Message); err != nil {
			return err
		}
		if err := p.desk.Done(ctx, r); err != nil {
			return err
		}
	}
	return err
}

// receive records what a letter says. Its signature and its recipient are right.
func (p *People) receive(ctx context.Context, m crypto.Message) error {
	s := p.o.Own.Private()
	known, _ := s.Get(kindFriend, m.From.Author.String())
	was := State(known.Get(fieldState))
	next, sent := was, known.Get(fieldSent)
	switch {
	case was == Blocked || m.Kind == crypto.Dummy:
		return nil
	case m.Kind == crypto.Request && (was == Asked || was == IsFriend):
		next, sent = IsFriend, nil // both have asked, which is an agreement; or the friend lacks our answer
	case m.Kind == crypto.Request && was != Rejected:
		next = Asks
	case m.Kind == crypto.Reply && was == Asked:
		next, sent = IsFriend, timeBytes(p.o.Now())
	case m.Kind == crypto.Reply:
		return nil // an answer to a question that was not asked
	}
	n, err := p.meetNote(s, m.From, next)
	if err != nil {
		return err
	}
	n.Set[fieldTheirs], n.Set[fieldSent] = m.Pair.Marshal(), sent
	if m.Kind == crypto.Request {
		n.Set[fieldLetter] = m.ID[:]
	}
	return p.o.Own.Note(ctx, n)
}

// write sends the letter that somebody waits for: a request, or the answer to one.
func (p *People) write(ctx context.Context, f person) error {
	pair, err := p.publishPair(ctx, f, p.offers(p.o.Own.Private())(f))
	if err != nil {
		return err
	}
	id, err := p.desk.NewID()
	if err != nil {
		return err
	}
	m := crypto.Message{Kind: crypto.Request, ID: id, From: p.self(), Pair: pair.ReadOnly()}
	if f.State == IsFriend {
		m.Kind, m.ReplyTo = crypto.Reply, f.letter
	}
	if err := p.desk.Send(ctx, f.card, m); err != nil {
		return err
	}
	return p.o.Own.Note(ctx, registry.Note{Kind: kindFriend, ID: f.author.String(),
		Set: map[string][]byte{fieldSent: timeBytes(p.o.Now())}})
}

// expecting reports whether an answer to a request may come soon.
func (p *People) expecting() bool {
	return slices.ContainsFunc(persons(p.o.Own.Private()), func(f person) bool {
		return f.State == Asked && p.o.Now().Sub(f.Since) < hoping
	})
}

// resendAfter are the ages at which an unanswered request is sent again.
var resendAfter = []time.Duration{7 * 24 * time.Hour, 30 * 24 * time.Hour}

// sendLetters sends the letters that are due: those that could not be sent, and requests that nobody has answered.
func (p *People) sendLetters(ctx context.Context) error {
	var errs []error
	for _, f := range persons(p.o.Own.Private()) {
		due := f.sent.IsZero()
		if f.State == Asked && !due {
			for _, age := range resendAfter {
				at := f.Since.Add(age)
				due = due || f.sent.Before(at) && !p.o.Now().Before(at)
			}
		}
		if due && (f.State == Asked || f.State == IsFriend) {
			errs = append(errs, p.write(ctx, f))
		}
	}
	return errors.Join(errs...)
}
