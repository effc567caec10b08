package people

import (
	"context"
	"errors"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/authors"
	"postern/vfs/layout"
	"postern/vfs/object"
)

// Change is a change of a file or folder that several people may write, or of what is in it.
type Change struct {
	At     time.Time `json:"at"`
	By     string    `json:"by,omitempty"` // who made it, by the name that they have here; empty: unknown
	Mine   bool      `json:"mine,omitempty"`
	Gone   bool      `json:"gone,omitempty"` // it was removed
	Folder bool      `json:"folder,omitempty"`
	Size   int64     `json:"size"`
}

// maxStates is how many states of a history Changes looks at.
const maxStates = 200

// changing is a file system that knows who has changed what.
type changing interface {
	Changes(ctx context.Context, path string, most int) ([]authors.Change, error)
}

// Changes returns the newest changes of a path in a shared folder, the newest first. Elsewhere there are none: all is
// by the user.
func (p *People) Changes(ctx context.Context, name string) ([]Change, error) {
	fs, within, err := p.o.Drive.Find(ctx, layout.Clean(name))
	if err != nil {
		return nil, err
	}
	c, ok := fs.(changing)
	if !ok || fs == vfs.FS(p.o.Own) {
		return nil, nil
	}
	found, err := c.Changes(ctx, within, maxStates)
	if errors.Is(err, vfs.ErrNotExist) { // a space without a history
		return nil, nil
	}
	var all []Change
	who := p.namer(ctx, fs)
	for _, f := range found {
		at, _ := layout.StateTime(f.State)
		all = append(all, Change{At: at, By: who(f.Author), Mine: f.Author == p.author(), Gone: f.Gone,
			Folder: f.Info.Folder, Size: f.Info.Size})
	}
	return all, err
}

// namer returns a function that returns the name of an author: as this account calls them, else as the owner of the
// space does in its roster.
func (p *People) namer(ctx context.Context, fs vfs.FS) func(crypto.AuthorID) string {
	names := map[crypto.AuthorID]string{{}: "", p.author(): p.called()}
	for _, f := range persons(p.o.Own.Private()) {
		names[f.author] = f.Name
	}
	var roster object.Roster
	if r, ok := fs.(interface {
		Roster(context.Context) (object.Roster, bool, error)
	}); ok {
		roster, _, _ = r.Roster(ctx) // without it, their fingerprints name them
	}
	return func(id crypto.AuthorID) string {
		if name, ok := names[id]; ok {
			return name
		}
		if name := authors.Name(&roster, id); name != "" {
			return name
		}
		words := id.Fingerprint()
		return words[0] + " " + words[1]
	}
}
