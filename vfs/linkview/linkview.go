// Package linkview reads what a secret link leads to, without an account, a home or a journal. The page of links runs
// it in a browser.
package linkview

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/content"
	"postern/vfs/space/base"
	"postern/vfs/space/view"
	"postern/vfs/tree"
)

// Store is where a link's pointer and the sealed blobs are read from. remote.Store is a Store. Errors are those of
// remote.Blobs and remote.Pointers.
type Store interface {
	content.Source
	base.Loader
}

// Options of Open. Store and Now are needed.
type Options struct {
	Store    Store
	Password string // empty: none
	Now      func() time.Time
	Memory   int64              // bytes of decoded pages that are kept; 0: tree.DefaultMemory
	Pace     func() remote.Pace // of the store; nil: it is near
}

// maxMounts is how many mounts may lie on one path.
const maxMounts = 16

// View shows what a link leads to, in the state of the moment when it was opened. Its methods may be called by several
// goroutines at once.
type View struct {
	target crypto.LinkTarget
	store  Store
	nodes  *tree.Nodes
	opener *view.Opener
	top    space
}

// space is one open space.
type space struct {
	of   crypto.Capability
	view view.View
}

// The reasons why a link leads nowhere.
const (
	errGone    = Refusal("the storage has no such link: it was ended, or its maker has not been online yet")
	errRevoked = Refusal("this link was ended by its maker")
	errExpired = Refusal("this link has expired")
	errWrong   = Refusal("the password is wrong, or the link is not whole")
	errLost    = Refusal("what this link leads to is not there any more: its maker has moved or removed it")
)

// The reasons why a mount is not followed.
var (
	errForeign = errors.New("it is a space of somebody else than the folder that it is in")
	errDeep    = errors.New("it lies in too many shared folders within each other")
)

// Open opens what a link leads to. The error is a sentence for people. It is a Refusal, or wraps crypto.ErrPassword if
// a password is needed, or vfs.ErrUnavailable or vfs.ErrCorrupt.
func Open(ctx context.Context, link crypto.Link, o Options) (*View, error) {
	key, err := link.ReadKey(o.Password)
	if err != nil {
		return nil, err
	}
	to, err := Follow(ctx, o.Store.Load, link, key, o.Now())
	if _, refused := errors.AsType[Refusal](err); refused {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("the link can't be opened now: %w: %w", vfs.ErrUnavailable, err)
	}
	v := &View{target: to, store: o.Store, nodes: tree.NewNodes(o.Store, tree.Options{Memory: o.Memory}),
		opener: &view.Opener{Source: o.Store, Pace: o.Pace}}
	v.top, err = v.load(ctx, to.Space)
	switch {
	case errors.Is(err, base.ErrNoSpace), errors.Is(err, remote.ErrNotFound):
		return nil, errLost
	case err != nil:
		return nil, fmt.Errorf("the link can't be opened now: %w", err)
	}
	return v, nil
}

// Refusal is a sentence for people that says why a link leads nowhere.
type Refusal string

func (r Refusal) Error() string { return string(r) }

// Follow returns where a link leads now. key is the link's ReadKey; load loads a pointer. The error is a Refusal, or
// that of load.
func Follow(
	ctx context.Context, load func(context.Context, crypto.PointerID) (crypto.Pointer, error), link crypto.Link,
	key crypto.ReadKey, now time.Time,
) (crypto.LinkTarget, error) {
	pointer, err := load(ctx, link.Pointer)
	if errors.Is(err, remote.ErrNotFound) {
		return crypto.LinkTarget{}, errGone
	}
	if err != nil {
		return crypto.LinkTarget{}, err
	}
	to, err := link.Open(key, pointer)
	switch {
	case errors.Is(err, crypto.ErrRevoked):
		err = errRevoked
	case errors.Is(err, crypto.ErrPassword), errors.Is(err, crypto.ErrOpen):
		err = errWrong
	case err != nil:
		err = Refusal(fmt.Sprintf("this link is damaged at the storage: %v", err))
	case to.Expires != 0 && uint64(now.Unix()) >= to.Expires:
		err = errExpired
	}
	return to, err
}

// Name returns the name that the link's maker gave to what it leads to.
func (v *View) Name() string { return v.target.Name }

// File reports whether the link leads to one file, which is the only one in the folder that List shows.
func (v *View) File() bool { return v.target.File }

// load opens the newest state of a space.
func (v *View) load(ctx context.Context, of crypto.Capability) (space, error) {
	state, err := base.Load(ctx, v.store, v.nodes, of)
	if err != nil {
		return space{}, err
	}
	return space{of: of, view: view.View{Tree: state.Files, Opener: v.opener}}, nil
}

// at returns the space that a path leads into, and the path within it. A mount is followed only if the space that it
// leads to has the same owner as the one that it lies in, and is not on the path already.
func (v *View) at(ctx context.Context, path string) (view.View, string, error) {
	s, seen := v.top, map[crypto.PointerID]bool{v.top.of.ID: true}
	for rest := path; ; {
		m, ok, err := s.view.Tree.Crossing(ctx, rest)
		if err != nil || !ok {
			return s.view, rest, err
		}
		inner := m.Target.Capability
		switch {
		case inner.Owner != s.of.Owner:
			return s.view, rest, &vfs.Error{Op: "open", Path: path, Kind: vfs.ErrCorrupt, Err: errForeign}
		case seen[inner.ID], len(seen) > maxMounts:
			return s.view, rest, &vfs.Error{Op: "open", Path: path, Kind: vfs.ErrUnavailable, Err: errDeep}
		}
		seen[inner.ID] = true
		if s, err = v.load(ctx, inner); err != nil {
			return s.view, rest, &vfs.Error{Op: "open", Path: path, Kind: vfs.ErrUnavailable, Err: err}
		}
		rest = rest[len(m.Path):]
		if m.Target.File {
			file, err := only(ctx, s.view)
			if err != nil {
				return s.view, rest, err
			}
			rest = "/" + file.Name + rest
		} else if rest == "" {
			rest = "/"
		}
	}
}

// only returns the one file of a space that stands for a file.
func only(ctx context.Context, v view.View) (vfs.Info, error) {
	for info, err := range v.List(ctx, "/") {
		if err != nil || !info.Folder {
			return info, err
		}
	}
	return vfs.Info{}, &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrNotExist}
}

// List yields the items of a folder. After an error it yields nothing more. A file that is shared by itself and can't
// be read now is shown empty.
func (v *View) List(ctx context.Context, path string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		s, within, err := v.at(ctx, path)
		if err != nil {
			yield(vfs.Info{}, err)
			return
		}
		for info, err := range s.List(ctx, within) {
			if err == nil && info.Mounted && !info.Folder {
				info = v.mounted(ctx, path, info)
			}
			if !yield(info, err) {
				return
			}
		}
	}
}

// mounted returns the info of a file in a folder that is shared by itself.
func (v *View) mounted(ctx context.Context, folder string, info vfs.Info) vfs.Info {
	s, within, err := v.at(ctx, strings.TrimSuffix(folder, "/")+"/"+info.Name)
	if err != nil {
		return info
	}
	now, err := s.Stat(ctx, within)
	if err != nil {
		return info
	}
	now.Name = info.Name
	return now
}

// Open opens a file. All bytes that it returns are authenticated.
func (v *View) Open(ctx context.Context, path string) (vfs.File, error) {
	s, within, err := v.at(ctx, path)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, within)
}
