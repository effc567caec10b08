package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/vfs"
	"postern/vfs/space"
)

// The drive's folders of the files as they are, and as they were.
const (
	Files   = "/files"
	History = "/history"
)

// Clean returns a path without the slashes at its end that shells add to folders.
func Clean(path string) string {
	if len(path) > 1 {
		return strings.TrimRight(path, "/")
	}
	return path
}

// Below reports whether path lies in folder, at any depth.
func Below(path, folder string) bool { return strings.HasPrefix(path, folder+"/") }

// Versions implements control.Historian.
func (g *gateway) Versions(ctx context.Context, path string) (found []control.Version, err error) {
	var within string
	if path = Clean(path); path != "" && path != Files {
		if !Below(path, Files) {
			return nil, say.Usagef("%s has no history: only what lies below %s has", path, Files)
		}
		within = path[len(Files):]
	}
	var states []vfs.Info
	for info, err := range g.drive.fs.List(ctx, History) {
		if err != nil {
			return nil, err
		}
		states = append(states, info)
	}
	slices.Reverse(states)
	if within == "" {
		for _, state := range states {
			if when, err := time.Parse(space.HistoryLayout, state.Name); err == nil {
				state.Modified = when // a state is as old as its name says
			}
			found = append(found, versionOf(History+"/"+state.Name, state))
		}
		return found, nil
	}
	paths := []string{path}
	for _, state := range states {
		paths = append(paths, History+"/"+state.Name+within)
	}
	seen, err := g.lookAll(ctx, paths)
	if err != nil {
		return nil, err
	}
	ever := seen[0].there
	for i, now := range seen[1:] {
		then := seen[i] // the state after
		if now.there && (!then.there || !alike(now.info, then.info)) {
			found = append(found, versionOf(paths[i+1], now.info))
		}
		ever = ever || now.there
	}
	if !ever {
		return nil, &vfs.Error{Op: "look back at", Path: path, Kind: vfs.ErrNotExist}
	}
	return found, nil
}

// alike reports whether two states of a path are one. A folder shows what lies in it by size and time only.
func alike(a, b vfs.Info) bool {
	return a.Folder == b.Folder && a.Version == b.Version && a.Size == b.Size && a.Modified.Equal(b.Modified)
}

// looks is how many states are looked into at once: each has pages of its own, which may have to come from far away.
const looks = 16

// look is what lies at a path, if anything does.
type look struct {
	info  vfs.Info
	there bool
}

// lookAll is Stat of many paths, at which there may be nothing.
func (g *gateway) lookAll(ctx context.Context, paths []string) ([]look, error) {
	all := make([]look, len(paths))
	each, ctx := errgroup.WithContext(ctx)
	each.SetLimit(looks)
	for i, path := range paths {
		each.Go(func() error {
			info, err := g.drive.fs.Stat(ctx, path)
			if errors.Is(err, vfs.ErrNotExist) || errors.Is(err, vfs.ErrNotFolder) {
				return nil
			}
			all[i] = look{info, err == nil}
			return err
		})
	}
	return all, each.Wait()
}

func versionOf(path string, info vfs.Info) control.Version {
	return control.Version{Path: path, Folder: info.Folder, Size: info.Size, Modified: info.Modified}
}

// List implements control.Historian.
func (g *gateway) List(ctx context.Context, path string) (found []control.Version, err error) {
	path = Clean(path)
	info, err := g.drive.fs.Stat(ctx, path)
	if err != nil {
		return nil, err
	}
	if !info.Folder {
		return []control.Version{versionOf(path, info)}, nil
	}
	for info, err := range g.drive.fs.List(ctx, path) {
		if err != nil {
			return nil, err
		}
		found = append(found, versionOf(strings.TrimSuffix(path, "/")+"/"+info.Name, info))
	}
	return found, nil
}

// Restore implements control.Historian.
func (g *gateway) Restore(ctx context.Context, from, to string, replace bool) error {
	_, err := g.drive.fs.Copy(ctx, from, to, vfs.CopyOptions{Replace: replace})
	if errors.Is(err, vfs.ErrExist) {
		return say.Advisef("%s is there: add --force to replace it, which keeps it in the history, or name another place with --to", to)
	}
	if errors.Is(err, vfs.ErrPending) {
		return nil // it is restored, and status says what waits for the remote
	}
	return err
}

// Read implements control.Historian.
func (g *gateway) Read(ctx context.Context, path string, w io.Writer) (err error) {
	file, err := g.drive.fs.Open(ctx, Clean(path))
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, file.Close) }()
	_, err = file.WriteNTo(w, file.Info().Size)
	return err
}
