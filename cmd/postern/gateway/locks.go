package gateway

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strings"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/dav/lock"
	"postern/vfs/layout"
)

// Locks implements control.Locksmith.
func (g *gateway) Locks(ctx context.Context) ([]control.Lock, error) {
	view, err := g.locks.View(ctx, "/", true)
	if err != nil {
		return nil, err
	}
	var all []control.Lock
	for _, l := range view.All() {
		all = append(all, shown(l))
	}
	return all, nil
}

// Break implements control.Locksmith.
func (g *gateway) Break(ctx context.Context, what string) (broken []control.Lock, err error) {
	view, err := g.locks.View(ctx, "/", true)
	if err != nil {
		return nil, err
	}
	path := lock.Key(layout.Clean(what))
	for _, l := range view.All() {
		if l.Token != what && lock.Key(layout.Clean(l.Root)) != path {
			continue
		}
		if err := g.locks.Break(ctx, l.Token); err != nil {
			return broken, err
		}
		broken = append(broken, shown(l))
	}
	if len(broken) == 0 {
		return nil, say.Advisef("there is no lock on %q, and none of that token: postern locks list shows all locks", what)
	}
	return broken, nil
}

func shown(l lock.Lock) control.Lock {
	return control.Lock{Path: l.Root, Token: l.Token, Owner: ownerText(l.OwnerXML), Shared: l.Shared,
		Beneath: !l.ZeroDepth,
		Expires: l.Expires}
}

// ownerText returns the text in the XML by which a program names a lock's owner, made safe for a terminal.
func ownerText(inner string) string {
	var text strings.Builder
	for tokens := xml.NewDecoder(strings.NewReader(inner)); ; {
		token, err := tokens.Token()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				return ""
			}
			break
		}
		if data, ok := token.(xml.CharData); ok {
			text.Write(data)
		}
	}
	words := strings.Join(strings.Fields(text.String()), " ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return -1
		}
		return r
	}, words)
}
