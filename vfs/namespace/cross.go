package namespace

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/tree"
)

// Mounted is a mount in the tree of a file system.
type Mounted = tree.Mounted

// Crosser is a file system whose tree may hold mounts of others.
type Crosser interface {
	// Crossing returns the first mount at or above a path, whose Path is the beginning of the path that leads to it; ok is
	// false if there is none. It must be cheap for a file system without mounts.
	Crossing(ctx context.Context, path string) (m Mounted, ok bool, err error)
}

// Searcher is a Crosser that can look for mounts below a path.
type Searcher interface {
	// Mounts returns the mounts at and below a path, at most limit of them.
	Mounts(ctx context.Context, path string, limit int) ([]Mounted, error)
}

// maxMounts is how many mounts in trees a path may lead through (crypto/FORMAT.md, Mounts).
const maxMounts = 16

var (
	errOwner = errors.New("it refers to a space of somebody else than the owner of the folder that it is in")
	errCycle = errors.New("it leads back into a folder that it is in")
	errMany  = fmt.Errorf("it is the mount number %d on its path", maxMounts+1)
)

// enter resolves a path to where its contents are: it follows every mount at or above the path.
func (t *table) enter(ctx context.Context, path string) (place, error) {
	return t.cross(ctx, t.resolve(path), false)
}

// cross follows the mounts in trees from a place on. With outside it stops before a mount at the place itself, and
// notes that mount in the place.
func (t *table) cross(ctx context.Context, p place, outside bool) (place, error) {
	var passed []crypto.PointerID
	for p.within != "/" && t.o.Open != nil {
		c, ok := p.fs.(Crosser)
		if !ok {
			break
		}
		m, ok, err := c.Crossing(ctx, p.within)
		if err != nil {
			return p, p.named(err)
		}
		if !ok {
			break
		}
		if outside && len(m.Path) == len(p.within) {
			p.entry = &m
			break
		}
		if len(passed) == 0 {
			passed = append(passed, m.In)
		}
		if err := mayFollow(m, passed); err != nil {
			return p, p.failed(m, &vfs.Error{Kind: vfs.ErrInvalid, Err: err})
		}
		passed = append(passed, m.Target.Capability.ID)
		if p, err = t.into(ctx, p, m); err != nil {
			return p, err
		}
	}
	return p, nil
}

// crosses reports whether the path of a place leads through a mount in its file system, or may do so.
func (t *table) crosses(ctx context.Context, p place) bool {
	c, ok := p.fs.(Crosser)
	if !ok || p.within == "/" || t.o.Open == nil {
		return false
	}
	_, ok, err := c.Crossing(ctx, p.within)
	return ok || err != nil
}

// mayFollow returns an error for a mount that readers must not follow; passed are the spaces on the way.
func mayFollow(m Mounted, passed []crypto.PointerID) error {
	to := &m.Target.Capability
	switch {
	case to.Owner != m.Owner:
		return errOwner
	case slices.Contains(passed, to.ID):
		return errCycle
	case len(passed) > maxMounts:
		return errMany
	}
	return nil
}

// into returns the place that a place leads to through a mount in its file system.
func (t *table) into(ctx context.Context, p place, m Mounted) (place, error) {
	fs, err := t.o.Open(ctx, p.fs, m)
	if err != nil {
		return p, p.failed(m, err)
	}
	name := m.Entry.Info().Name
	in := &mount{path: p.full(m.Path), name: name, fs: fs, inner: true}
	rest := p.within[len(m.Path):]
	if m.Target.File {
		if in.file, err = onlyFile(ctx, fs); err != nil {
			return p, p.failed(m, err)
		}
		rest = in.file + rest
	} else if rest == "" {
		rest = "/"
	}
	return place{mount: in, within: rest}, nil
}

var errNoFile = errors.New("the shared file is not there")

// onlyFile returns the path of the one file of a space.
func onlyFile(ctx context.Context, fs vfs.FS) (string, error) {
	for info, err := range fs.List(ctx, "/") {
		if err != nil {
			return "", err
		}
		if !info.Folder {
			return "/" + info.Name, nil
		}
	}
	return "", &vfs.Error{Op: "open", Path: "/", Kind: vfs.ErrNotExist, Err: errNoFile}
}

// failed returns the error of a mount that can't be followed, with its path in the drive.
func (p place) failed(m Mounted, err error) error {
	failed := &vfs.Error{Op: "open", Kind: vfs.ErrUnavailable, Err: err}
	if e := (*vfs.Error)(nil); errors.As(err, &e) {
		failed.Kind, failed.Err = e.Kind, e.Err
	} else if ctxErr := contextual(err); ctxErr != nil {
		return ctxErr
	}
	failed.Path = p.full(m.Path)
	return failed
}

// contextual returns the error of a caller's context in err, else nil.
func contextual(err error) error {
	for _, of := range []error{context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, of) {
			return err
		}
	}
	return nil
}

// same reports whether two places lie in one file system, so that one call can change both.
func (p place) same(other place) bool {
	if p.mount == other.mount {
		return true
	}
	return (p.inner || other.inner) && reflect.TypeOf(p.fs).Comparable() && p.fs == other.fs
}
