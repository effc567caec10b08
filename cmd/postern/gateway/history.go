package gateway

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"

	"postern/cmd/postern/control"
	"postern/cmd/postern/say"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/versions"
)

// looks is how many states are read at once: each has pages of its own, which may have to come from the remote.
const looks = 16

// Versions implements control.Historian.
func (g *gateway) Versions(ctx context.Context, path string) ([]control.Version, error) {
	path = layout.Clean(path)
	if path == "" || path == layout.Files {
		return g.states(ctx)
	}
	if _, ok := layout.CutFiles(path); !ok {
		return nil, say.Usagef("%s has no history: only what lies below %s has", path, layout.Files)
	}
	seen, err := versions.Of(ctx, g.drive.fs, path, versions.Options{AtOnce: looks})
	if err != nil {
		return nil, err
	}
	var found []control.Version
	for _, was := range seen.Versions {
		found = append(found, versionOf(was.Path, was.Info))
	}
	return found, nil
}

// states lists all states of the history, the newest first.
func (g *gateway) states(ctx context.Context) (found []control.Version, err error) {
	for state, err := range versions.States(ctx, g.drive.fs) {
		if err != nil {
			return nil, err
		}
		found = append(found, versionOf(layout.InState(state.Name, ""), state))
	}
	slices.Reverse(found)
	return found, nil
}

func versionOf(path string, info vfs.Info) control.Version {
	return control.Version{Path: path, Folder: info.Folder, Size: info.Size, Modified: info.Modified}
}

// List implements control.Historian.
func (g *gateway) List(ctx context.Context, path string) (found []control.Version, err error) {
	path = layout.Clean(path)
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
		return say.Advisef("%s is there: add --force to replace it, which keeps it in the history, or name another place "+
			"with --to", to)
	}
	if errors.Is(err, vfs.ErrPending) {
		return nil // it is restored, and status reports the changes that wait for the remote
	}
	return err
}

// Read implements control.Historian.
func (g *gateway) Read(ctx context.Context, path string, w io.Writer) (err error) {
	file, err := g.drive.fs.Open(ctx, layout.Clean(path))
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, file.Close) }()
	_, err = file.WriteNTo(w, file.Info().Size)
	return err
}
