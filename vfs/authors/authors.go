// Package authors judges the commits of a space that several accounts may write. It says whether a commit's author may
// write, and whether the commits since a verified one keep the rules; crypto/FORMAT.md, Rosters, lists these.
package authors

import (
	"context"
	"fmt"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/tree"
)

// BreachError says that a commit breaks a rule of its space, and names the author.
type BreachError struct {
	Author crypto.AuthorID // zero: unknown
	Name   string          // from the roster, for display; may be empty
	Why    string          // a clause that continues "commit by …," or "somebody"
}

// Error returns a sentence that names the author.
func (e *BreachError) Error() string {
	if e.Author == (crypto.AuthorID{}) {
		return "somebody " + e.Why
	}
	if e.Name == "" {
		return fmt.Sprintf("commit by %v, %s", e.Author, e.Why)
	}
	return fmt.Sprintf("commit by %s (%v), %s", e.Name, e.Author, e.Why)
}

// Check judges the newest commit of a space alone, and returns its roster, nil if it has none. Its author must be the
// owner, or have write access in a roster that the owner made for this space, of at least the capability's epoch.
// Errors: *BreachError; those of reading the roster.
func Check(ctx context.Context, nodes *tree.Nodes, space crypto.Capability, c *object.Commit) (*object.Roster, error) {
	if c.Roster == (object.Ref{}) {
		switch {
		case c.Author != space.Owner:
			return nil, &BreachError{Author: c.Author, Why: "who may not write here"}
		case space.Epoch > 0:
			return nil, &BreachError{Author: c.Author, Why: "without the roster that the space has"}
		}
		return nil, nil
	}
	roster, err := nodes.Roster(ctx, c.Roster)
	if err != nil {
		return nil, err
	}
	foreign := roster.Space != space.ID || roster.Owner != space.Owner
	switch {
	case foreign && c.Author == space.Owner && space.Epoch == 0: // it lets nobody else write
		return nil, nil
	case foreign || roster.Epoch < space.Epoch:
		return nil, &BreachError{Author: c.Author, Why: "with the roster of another space or time"}
	case roster.Rights(c.Author) != object.MayWrite:
		return &roster, breach(&roster, c.Author, "who may not write here")
	}
	return &roster, nil
}

// breach returns a BreachError with the author's name in a roster, which may be nil.
func breach(roster *object.Roster, author crypto.AuthorID, format string, args ...any) *BreachError {
	return &BreachError{Author: author, Name: Name(roster, author), Why: fmt.Sprintf(format, args...)}
}

// Name returns the name of an author in a roster, which may be nil; "" for none.
func Name(roster *object.Roster, author crypto.AuthorID) string {
	if roster != nil {
		for _, a := range roster.Authors {
			if a.ID == author {
				return a.Name
			}
		}
	}
	return ""
}
