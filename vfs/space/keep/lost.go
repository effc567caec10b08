package keep

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"postern/crypto"
	"postern/remote/localfs"
)

// lostName is the file beside the journal that lists the blobs which a repair could not restore, one per line.
// Collections no longer wait for what only they lead to.
const lostName = "lost"

// lost reads the file. A damaged file counts as empty: the next repair rewrites it.
func (k *Keeper) lost() map[crypto.BlobName]bool {
	b, err := localfs.Read(k.Home.FS, filepath.Join(k.Home.Dir, lostName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.Home.Log.Warn("the list of permanent losses can't be read, so they count as damage again", "error", err)
	}
	names := map[crypto.BlobName]bool{}
	for line := range strings.Lines(string(b)) {
		if name, err := crypto.ParseBlobName(strings.TrimSuffix(line, "\n")); err == nil {
			names[name] = true
		}
	}
	return names
}

// giveUp replaces the file.
func (k *Keeper) giveUp(names []crypto.BlobName) error {
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintln(&b, name)
	}
	if err := localfs.Replace(k.Home.FS, filepath.Join(k.Home.Dir, lostName), []byte(b.String())); err != nil {
		return fmt.Errorf("note what is lost: %w", err)
	}
	return nil
}
