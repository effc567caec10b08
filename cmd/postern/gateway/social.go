package gateway

import (
	"context"
	"errors"
	"strings"

	"postern/cmd/postern/say"
	"postern/dav/page"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/people"
)

// social shows the account's people on the drive's pages.
type social struct {
	people *people.People
	waits  remote.Deadlines
}

// Circle implements page.People.
func (s social) Circle(ctx context.Context) (page.Circle, error) {
	ctx, cancel := context.WithTimeout(ctx, s.waits.Work)
	defer cancel()
	me, err := s.people.Me()
	if err != nil {
		return page.Circle{}, refusal(err)
	}
	all, err := s.people.Friends(ctx)
	c := page.Circle{Name: me.Name, Fingerprint: me.Fingerprint, Card: me.Card}
	for _, f := range all {
		c.People = append(c.People, page.Person{Name: f.Name, Called: f.Called, State: string(f.State),
			Fingerprint: f.Fingerprint, Changed: f.Changed})
	}
	return c, refusal(err)
}

// Shared implements page.People.
func (s social) Shared(ctx context.Context) (page.Shared, error) {
	ctx, cancel := context.WithTimeout(ctx, s.waits.Work)
	defer cancel()
	all, err := s.people.Shares(ctx)
	found := page.Shared{Groups: []string{people.Friends}, Unknown: all.Unknown}
	for _, sh := range all.Mine {
		shown := page.Share{Path: sh.Path}
		for _, g := range sh.With {
			shown.With = append(shown.With, page.Grant(g))
		}
		found.Mine = append(found.Mine, shown)
	}
	for _, r := range all.Theirs {
		found.Theirs = append(found.Theirs, page.Offer{Path: r.Path, Owner: r.Owner, Write: r.Write})
	}
	for _, l := range s.people.Links() {
		found.Links = append(found.Links, page.Link{ID: l.ID, Path: l.Path, URL: l.URL, Password: l.Password,
			Expires: l.Expires})
	}
	return found, refusal(err)
}

// Changes implements page.People.
func (s social) Changes(ctx context.Context, path string) (all []page.Change, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.waits.Work)
	defer cancel()
	found, err := s.people.Changes(ctx, path)
	for _, c := range found {
		all = append(all, page.Change(c))
	}
	return all, err
}

// Do implements page.People.
func (s social) Do(ctx context.Context, w page.Wish) (path string, err error) {
	ctx, cancel := context.WithTimeout(ctx, s.waits.Work)
	defer cancel()
	switch w.Do {
	case page.DoClaim:
		_, err = s.people.Claim(ctx, w.Who)
	case page.DoAsk:
		_, err = s.people.Add(ctx, w.Who)
	case page.DoAccept:
		_, err = s.people.Accept(ctx, w.Who)
	case page.DoReject:
		_, err = s.people.End(ctx, w.Who, people.Rejected)
	case page.DoRemove:
		_, err = s.people.End(ctx, w.Who, people.Removed)
	case page.DoBlock:
		_, err = s.people.End(ctx, w.Who, people.Blocked)
	case page.DoTrust:
		_, err = s.people.Trust(ctx, w.Who)
	case page.DoShare:
		if len(w.With) == 0 {
			return "", &page.Refusal{Why: "Nobody was chosen. Go back and choose with whom to share it."}
		}
		_, err = s.people.Share(ctx, w.Path, w.With, w.Write)
	case page.DoUnshare:
		_, err = s.people.Unshare(ctx, w.Path, w.With)
	case page.DoLeave:
		err = s.people.Leave(ctx, w.Path)
	case page.DoLink:
		_, err = s.people.CreateLink(ctx, w.Path, people.LinkOptions{Password: w.Password, Expires: w.Expires})
	case page.DoRevoke:
		err = s.people.RevokeLink(ctx, w.Link)
	case page.DoOpen:
		path, err = s.people.OpenLink(ctx, w.Link, w.Password)
	default:
		err = errors.New("an action that the gateway does not know")
	}
	return path, refusal(err)
}

// refusal returns an error with a sentence for people.
func refusal(err error) error {
	away := errors.Is(err, remote.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded)
	refused, ok := errors.AsType[*people.Error](err)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, vfs.ErrNotExist):
		return err // there is a page for it
	case ok:
		return &page.Refusal{Why: asSentence(refused.Why)}
	case away:
		return &page.Refusal{Why: asSentence(say.Sentence(err)), Away: true}
	}
	return &page.Refusal{Why: asSentence(say.Sentence(err))}
}

// asSentence returns a text with a capital letter at the beginning and a full stop at the end.
func asSentence(text string) string {
	if text == "" {
		return text
	}
	return strings.ToUpper(text[:1]) + strings.TrimSuffix(text[1:], ".") + "."
}
