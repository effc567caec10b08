package view

import (
	"context"

	"postern/vfs"
)

// ReadOnly refuses every change. It is for embedding.
type ReadOnly struct{}

func readOnly(op, path string) error { return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly} }

// Create implements vfs.Writer, as do those that follow.
func (ReadOnly) Create(_ context.Context, path string) (vfs.Upload, error) {
	return nil, readOnly("create", path)
}

// Mkdir refuses.
func (ReadOnly) Mkdir(_ context.Context, path string, _ vfs.Cond) error {
	return readOnly("make folder", path)
}

// Remove refuses.
func (ReadOnly) Remove(_ context.Context, path string, _ vfs.Cond) error {
	return readOnly("remove", path)
}

// Move refuses.
func (ReadOnly) Move(_ context.Context, from, _ string, _ vfs.CopyOptions) (bool, error) {
	return false, readOnly("move", from)
}

// Copy refuses.
func (ReadOnly) Copy(_ context.Context, _, to string, _ vfs.CopyOptions) (bool, error) {
	return false, readOnly("copy", to)
}

// Patch refuses.
func (ReadOnly) Patch(_ context.Context, path string, _ vfs.Patch, _ vfs.Cond) error {
	return readOnly("change", path)
}

// Frozen returns info as of something that can't be changed.
func Frozen(info vfs.Info) vfs.Info {
	info.ReadOnly = true
	return info
}
