package authors

import (
	"context"
	"errors"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// State is a commit with what is known about it.
type State struct {
	Ref    object.Ref // zero: no commit is known
	Hash   object.CommitHash
	Commit object.Commit
	Roster *object.Roster // nil: none, or not loaded
	// Unsure says that the way from a verified commit to this one is too long or collected, so that its Applied must not
	// be believed.
	Unsure bool
	// Apart says that Judge returns this state instead of one that is not known to follow from it.
	Apart bool
}

// maxSteps limits how many commits are walked back. Each is a small request.
const maxSteps = 100

// Judge judges a commit of a space, and the commits between a verified state and it; was is zero if none is known. It
// walks back until it meets was or a commit of the owner, and checks each step from there on. It returns theirs with
// its Roster. On a *BreachError it returns the last good state on the way instead, which may be was. Other errors are
// those of the remote.
func Judge(ctx context.Context, nodes *tree.Nodes, space crypto.Capability, was, theirs State) (State, error) {
	w := &walk{ctx: ctx, nodes: nodes, space: space}
	apart := was
	apart.Apart = true
	chain, anchored, err := w.back(was, theirs)
	if err != nil {
		return apart, err
	}
	at := chain[len(chain)-1]
	if !anchored { // the newest commit is judged alone
		at = theirs
		at.Unsure = true
	}
	if at.Roster, err = Check(ctx, nodes, space, &at.Commit); err != nil {
		return apart, err
	}
	if was.Roster != nil && (at.Roster == nil || at.Roster.Epoch < was.Roster.Epoch) {
		return apart, breach(was.Roster, theirs.Commit.Author, "with an older roster than the one seen before")
	}
	if !anchored {
		return at, nil
	}
	for i := len(chain) - 2; i >= 0; i-- {
		next := chain[i]
		next.Roster = at.Roster
		if err := w.step(&at, &next, i == 0); err != nil {
			return at, err
		}
		at = next
	}
	return at, nil
}

// walk is one Judge.
type walk struct {
	ctx   context.Context
	nodes *tree.Nodes
	space crypto.Capability
}

// back walks from theirs to was or to a commit of the owner, and returns the commits, theirs first. anchored is false
// if it meets neither.
func (w *walk) back(was, theirs State) (chain []State, anchored bool, err error) {
	chain = []State{theirs}
	for at := theirs; ; chain = append(chain, at) {
		up := at.Commit.Parent
		switch {
		case at.Ref == was.Ref || at.Commit.Author == w.space.Owner:
			return chain, true, nil
		case up == object.Parent{}:
			return nil, false, breach(was.Roster, at.Commit.Author, "which begins a space of another account")
		case len(chain) > maxSteps:
			return chain, false, nil
		}
		c, hash, err := w.nodes.Commit(w.ctx, up.Commit)
		switch {
		case errors.Is(err, vfs.ErrCorrupt): // collected
			return chain, false, nil
		case err != nil:
			return nil, false, err
		case hash != up.Hash:
			return nil, false, breach(was.Roster, at.Commit.Author, "which names another commit than its parent")
		}
		at = State{Ref: up.Commit, Hash: hash, Commit: c}
	}
}

// step judges the commit next on top of at. newest says that everything it leads to must still
// be there.
func (w *walk) step(at, next *State, newest bool) error {
	author := next.Commit.Author
	switch {
	case at.Roster == nil || at.Roster.Rights(author) != object.MayWrite:
		return breach(at.Roster, author, "who may not write here")
	case next.Commit.Roster != at.Commit.Roster:
		return breach(at.Roster, author, "who has changed the roster, as only the owner may")
	}
	if why := applied(&at.Commit, &next.Commit); why != "" {
		return breach(at.Roster, author, "%s", why)
	}
	why, err := w.tree(&at.Commit, &next.Commit)
	switch {
	case errors.Is(err, remote.ErrNotFound) && !newest: // collected meanwhile
		return nil
	case errors.Is(err, remote.ErrNotFound), errors.Is(err, crypto.ErrFormat):
		return breach(at.Roster, author, "which leads to what is not there")
	case err != nil:
		return err
	case why != "":
		return breach(at.Roster, author, "%s", why)
	}
	return nil
}

// applied returns what is wrong with the Applied of a commit on top of another; "": nothing. A commit changes the entry
// of one device, which must be its author's.
func applied(was, is *object.Commit) string {
	changed, seen := 0, map[[8]byte]bool{}
	for _, a := range is.Applied {
		d := [8]byte(a.Device[:])
		if seen[d] {
			return "which names a device twice"
		}
		seen[d] = true
		if was.Latest(a.Device) == a {
			continue
		}
		if !a.Device.IsBy(is.Author) {
			return "which claims to hold changes of another author's device"
		}
		changed++
	}
	for _, a := range was.Applied {
		if !seen[[8]byte(a.Device[:])] {
			return "which drops a device"
		}
	}
	if changed > 1 {
		return "which claims to hold changes of several devices"
	}
	return ""
}

// tree returns what is wrong with the root folder of a commit on top of another: its history must hold what the
// parent's does, and at most the commit's own state besides; all else but the files must be the same.
func (w *walk) tree(parent, c *object.Commit) (why string, err error) {
	was, is := tree.New(w.nodes, parent.Root), tree.New(w.nodes, c.Root)
	files, err := is.Lookup(w.ctx, "/"+filesName)
	if errors.Is(err, vfs.ErrNotExist) {
		return "without the folder of files", nil
	}
	if err != nil {
		return "", err
	}
	history := false
	for d, err := range tree.CompareFolder(w.ctx, "/", was, is) {
		if err != nil {
			return "", err
		}
		switch name := d.Name(); {
		case d.Was.IsZero(), d.Is.IsZero(), d.Was.IsFolder() != d.Is.IsFolder(), name != filesName && name != historyName:
			return "which changes more than the files: " + name, nil
		case name == historyName:
			history = true
		}
	}
	if !history {
		return "", nil
	}
	added := false
	for d, err := range tree.CompareFolder(w.ctx, "/"+historyName, was, is) {
		if err != nil {
			return "", err
		}
		if !d.Was.IsZero() {
			return "which changes the history, as only the owner may", nil
		}
		f, _ := files.Object()
		o, _ := d.Is.Object()
		if added || o.Kind != object.Folder || o.Root != f.Root {
			return "which puts another state than its own into the history", nil
		}
		if ok, err := attributed(w.ctx, was, c.Author, d.Name(), o); err != nil || !ok {
			return "which names another author of its state", err
		}
		added = true
	}
	return "", nil
}

// The folders of a commit's tree.
const (
	filesName   = "files"
	historyName = "history"
)
