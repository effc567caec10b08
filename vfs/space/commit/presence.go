package commit

import (
	"context"
	"errors"

	"postern/remote"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// mostLooked limits how many changes of another author are looked through for missing pages. More would cost as much as
// a listing of all that is new.
const mostLooked = 1000

// absent reports whether a commit of another author leads to folder pages that are not there, which would make later
// merges fail. A missing content is damage of that file alone, and does no harm to others.
func (c *Committer) absent(ctx context.Context, theirs *base.State) (bool, error) {
	if theirs.Roster == nil || theirs.Ref == c.base.Ref || c.grace.Doubtful(c.doubt.sure) ||
		theirs.Commit.Author == c.keys.Capability.Owner || theirs.Commit.Author == c.keys.Author.ID() {
		return false, nil
	}
	looked := 0
	for folders := []string{"/"}; len(folders) > 0; {
		last := len(folders) - 1
		at := folders[last]
		folders = folders[:last]
		for d, err := range tree.CompareFolder(ctx, at, c.base.Files, theirs.Files) {
			if errors.Is(err, remote.ErrNotFound) {
				return true, nil
			}
			if err != nil {
				return false, err
			}
			if looked++; looked > mostLooked {
				return false, nil
			}
			if !d.Is.IsZero() && d.Is.IsFolder() {
				folders = append(folders, join(at, d.Name()))
			}
		}
	}
	return false, nil
}

func join(folder, name string) string {
	if folder == "/" {
		return folder + name
	}
	return folder + "/" + name
}
