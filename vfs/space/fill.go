package space

import (
	"context"
	"path"
	"slices"
	"strings"

	"postern/vfs"
	"postern/vfs/tree"
)

// CopyFilled implements namespace.Filler: it copies a folder that contains mounts as one change. In the place of each
// mount it puts a copy of what the mount leads to. All spaces must have one owner and store, and be open in one home:
// else the error is vfs.ErrInvalid with vfs.ErrOtherSpace.
func (s *Space) CopyFilled(
	ctx context.Context, from string, to vfs.FS, path string, parts []vfs.Part, o vfs.TransferOptions,
) (bool, error) {
	t := transfer{op: opCopy, src: s, from: from, path: path, o: o}
	var ok bool
	t.dst, ok = to.(*Space)
	for ok = ok && t.oneOwner(); ok && len(parts) > 0; parts = parts[1:] {
		part := transfer{op: opCopy, dst: t.dst, from: parts[0].From, within: parts[0].Path}
		if part.src, ok = parts[0].FS.(*Space); ok {
			ok = part.oneOwner()
		}
		t.fill = append(t.fill, part)
	}
	if !ok {
		return false, &vfs.Error{Op: opCopy, Path: from, Kind: vfs.ErrInvalid, Err: vfs.ErrOtherSpace}
	}
	slices.SortFunc(t.fill, func(a, b transfer) int { return strings.Compare(a.within, b.within) }) // outer ones first
	return t.run(ctx)
}

// filled returns what to put in the place of the mounts below the source.
func (t transfer) filled(ctx context.Context) (fill []tree.Graft, err error) {
	if t.o.Shallow || t.movesMounts() {
		return nil, nil
	}
	if err := t.covers(ctx, t.src, t.from, ""); err != nil {
		return nil, err
	}
	for _, part := range t.fill {
		if err := t.covers(ctx, part.src, part.from, part.within); err != nil {
			return nil, err
		}
		r, err := part.reference(ctx)
		if err != nil {
			return nil, err
		}
		fill = append(fill, tree.Graft{Path: path.Join(t.path, part.within), Entry: r.entry, Replace: true})
	}
	return fill, nil
}

// movesMounts reports whether mounts move along with what they are in, or by themselves. Only the owner moves them:
// their writer seeds are sealed for the writers of the space that they leave, and only the owner can seal them anew.
func (t transfer) movesMounts() bool {
	return t.op == opMove && t.src.keys.Author.ID() == t.src.keys.Owner
}

// covers returns vfs.ErrInvalid unless something is to be put in the place of each mount at and below a path of a
// space, which is the part of the source at within. Mounts don't leave their space otherwise.
func (t transfer) covers(ctx context.Context, s *Space, from, within string) error {
	mounts, err := s.copy.Shown().Tree.Mounts(ctx, from, tree.MaxFill+1)
	if err != nil {
		return err
	}
	for _, m := range mounts {
		at := path.Join("/", within, strings.TrimPrefix(m.Path, from))
		if m.Path == from || !slices.ContainsFunc(t.fill, func(part transfer) bool { return part.within == at }) {
			return &vfs.Error{Op: t.op, Path: t.from, Kind: vfs.ErrInvalid, Err: vfs.ErrMounted}
		}
	}
	return nil
}
