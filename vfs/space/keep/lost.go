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

// lostName is the file, beside the journal, that names the blobs which a repair could not bring back, a line each: what only they lead to
// is no longer waited for.
const lostName = "lost"

// lost reads the file. One that is damaged is as good as none: the next repair writes it anew.
func (k *Keeper) lost() map[crypto.BlobName]bool {
	b, err := localfs.Read(k.Home.FS, filepath.Join(k.Home.Dir, lostName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.Home.Log.Warn("what a repair gave up can't be read, so it counts as damage again", "error", err)
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
