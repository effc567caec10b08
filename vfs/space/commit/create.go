package commit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/space/base"
	"postern/vfs/space/local"
	"postern/vfs/space/working"
	"postern/vfs/tree"
)

// Beginning is the first state of a space. The zero value is an empty folder with an empty history and no roster.
type Beginning struct {
	// Files is the entry of a committed folder of a space of the same owner at the same store. The new space holds it by
	// reference. Zero: an empty folder.
	Files object.Entry
	// History is the entry of such a folder for the history. Zero: an empty one.
	History object.Entry
	Bare    bool             // there is no history folder, and none is ever kept
	Roster  *object.Roster   // its Authors and Epoch; nil: only the owner writes
	Applied []object.Applied // of the commit that Files comes from, if the space replaces another one
	Version uint8            // of the space that Files comes from; 0: object.Version1
	Private registry.State   // only of an account's own space
}

// Create makes a space at a remote, as one commit. If the space is there already, with the same beginning as its newest
// commit, Create does nothing. The error is remote.ErrConflict if it is there and differs.
func Create(
	ctx context.Context, store remote.Store, keys base.Keys, device local.Device, random io.Reader, now time.Time,
	begin Beginning,
) error {
	version, err := base.NewVersion(random)
	if err != nil {
		return err
	}
	nodes := tree.NewNodes(store, tree.Options{})
	folder := func(v vfs.Version) tree.Tree {
		return tree.New(nodes, object.Entry{Version: v, Created: now.UnixNano(), Modified: now.UnixNano()})
	}
	files, history := folder(version), folder(vfs.Version{})
	if begin.Files.Root != (object.Ref{}) || begin.Files.Version != (vfs.Version{}) {
		files = base.Tree(nodes, begin.Files, begin.Version)
	}
	if begin.History.Root != (object.Ref{}) {
		history = base.Tree(nodes, begin.History, begin.Version)
	}
	whole, err := folder(vfs.Version{}).Graft(ctx, base.FilesPath, files) // the first state follows none
	if err != nil {
		return err
	}
	if !begin.Bare {
		if whole, err = whole.Graft(ctx, base.HistoryPath, history); err != nil {
			return err
		}
	}
	s := &sealer{
		keys: keys, nodes: nodes, device: device.Name, uploads: &Uploads{Store: store, Lane: local.NewLane(nil)},
		now: func() time.Time { return now }, rand: random,
		applied: func(*object.Commit, uint64) []object.Applied { return begin.Applied }, keep: base.DefaultKeep,
		warn:    func(string, ...any) {},
		thinned: now,
	}
	on := base.State{Whole: whole, Version: begin.Version}.WithPrivate(registry.State{})
	made, err := s.seal(ctx, on, &working.Head{Tree: files, Private: begin.Private}, nil, begin.Roster)
	if err != nil {
		return err
	}
	err = store.Swap(ctx, crypto.PointerHash{}, made.next.Pointer)
	if errors.Is(err, remote.ErrConflict) && begun(ctx, store, nodes, keys.Capability, &made.next, begin) {
		return nil
	}
	return err
}

// begun reports whether a space is there already and begins as wanted.
func begun(
	ctx context.Context, store remote.Store, nodes *tree.Nodes, space crypto.Capability, want *base.State,
	begin Beginning,
) bool {
	is, err := base.Load(ctx, store, nodes, space)
	given := begin.Files.Version != vfs.Version{}
	if err != nil || !given && begin.Roster == nil && !begin.Bare {
		return false
	}
	files, _ := is.Files.Root().Object()
	_, err = is.Whole.Lookup(ctx, base.HistoryPath)
	return files.Root == begin.Files.Root && (!given || files.Version == begin.Files.Version) &&
		is.Commit.Parent == (object.Parent{}) &&
		begin.Bare == errors.Is(err, vfs.ErrNotExist) && sameRoster(is.Roster, want.Roster)
}

func sameRoster(a, b *object.Roster) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Epoch == b.Epoch && slices.Equal(a.Authors, b.Authors)
}

// sorted returns authors in the order of a roster.
func sorted(authors []object.Author) []object.Author {
	return slices.SortedFunc(slices.Values(authors), func(a, b object.Author) int { return slices.Compare(a.ID[:], b.ID[:]) })
}

// sign returns the roster of a space with these authors, signed by the owner, and its plain encoding.
func (s *sealer) sign(roster *object.Roster) (*object.Roster, []byte, error) {
	if !s.keys.Owns() {
		return nil, nil, errors.New("only the owner of a folder may say who writes it")
	}
	signed := object.Roster{Space: s.keys.ID, Epoch: roster.Epoch, Authors: sorted(roster.Authors)}
	signed.Sign(s.keys.Author)
	devices := map[object.DeviceID]bool{object.DeviceID{}.By(s.keys.Author.ID()): true}
	for _, a := range signed.Authors { // one could claim to have committed what another's device journaled
		d := object.DeviceID{}.By(a.ID)
		if devices[d] {
			return nil, nil, fmt.Errorf("the key of %s resembles that of another author", a.Name)
		}
		devices[d] = true
	}
	plain := signed.Encode()
	if _, err := object.DecodeRoster(plain); err != nil { // no gateway could open the space
		return nil, nil, fmt.Errorf("write who may write: %w", err)
	}
	return &signed, plain, nil
}

// rosterOn returns on with a new roster, whose blob it brings to the remote through put.
func (s *sealer) rosterOn(
	on base.State, roster *object.Roster, put func(blob []byte) (crypto.BlobName, error),
) (base.State, error) {
	signed, plain, err := s.sign(roster)
	if err != nil {
		return on, err
	}
	key, err := crypto.Random[crypto.NodeKey](s.rand)
	if err != nil {
		return on, err
	}
	sealed := crypto.SealNode(nil, key, plain)
	size := len(sealed)
	blob, err := crypto.Pad(sealed, s.rand)
	if err != nil {
		return on, err
	}
	name, err := put(blob)
	on.Commit.Roster = object.Ref{Blob: name, Len: uint32(size), Key: key}
	on.Roster = signed
	return on, err
}
