package carry

import (
	"context"
	"fmt"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote/bundle"
	"postern/remote/localfs"
	"postern/remote/transfer"
)

// Import imports a bundle into a remote. It needs no account, and merges nothing: it replaces a pointer there only if
// the bundle builds on it.
func Import(
	ctx context.Context, h home.Home, to gateway.Target, file string, tell control.Tell,
) (at transfer.Progress, err error) {
	store, err := open(ctx, h, to, true)
	if err != nil {
		return at, err
	}
	defer func() { err = say.Closing(err, store.Close) }()
	return gateway.ImportFile(ctx, store, file, bundle.ImportOptions{Progress: control.Carried("imported", tell)})
}

// BringsLogin reports whether a bundle has a login record beside the drive. It reports true for a bundle that can't be
// read, which Import rejects.
func BringsLogin(path string) (bool, error) {
	file, err := localfs.OpenRegular(path)
	if err != nil {
		return false, fmt.Errorf("can't read the bundle: %w", err)
	}
	defer func() { _ = file.Close() }() // only read from
	reader, err := bundle.NewReader(file)
	if err != nil {
		return true, nil //nolint:nilerr // Import returns the error
	}
	return len(reader.Contents().Pointers) > 1, nil
}
