package view

import (
	"context"

	"postern/vfs"
)

// ReadOnly rejects every change. It is for embedding.
type ReadOnly struct{}

func readOnly(op, path string) error { return &vfs.Error{Op: op, Path: path, Kind: vfs.ErrReadOnly} }

// Create rejects the upload. It implements vfs.Writer, as do the methods below.
func (ReadOnly) Create(_ context.Context, path string) (vfs.Upload, error) {
	return nil, readOnly("create", path)
}

// Mkdir rejects the change.
func (ReadOnly) Mkdir(_ context.Context, path string, _ vfs.Cond) error {
	return readOnly("make folder", path)
}

// Remove rejects the change.
func (ReadOnly) Remove(_ context.Context, path string, _ vfs.Cond) error {
	return readOnly("remove", path)
}

// Move rejects the change.
func (ReadOnly) Move(_ context.Context, from, _ string, _ vfs.CopyOptions) (bool, error) {
	return false, readOnly("move", from)
}

// Copy rejects the change.
func (ReadOnly) Copy(_ context.Context, _, to string, _ vfs.CopyOptions) (bool, error) {
	return false, readOnly("copy", to)
}

// Patch rejects the change.
func (ReadOnly) Patch(_ context.Context, path string, _ vfs.Patch, _ vfs.Cond) error {
	return readOnly("change", path)
}

// Frozen marks info as read-only.
func Frozen(info vfs.Info) vfs.Info {
	info.ReadOnly = true
	return info
}
