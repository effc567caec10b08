// Package fsck checks everything that a drive's newest commit leads to, and repairs what it can.
//
// It reports findings by path. Damage of metadata is a folder page that can't be read: part of a folder or all of it,
// with everything below; the page above still records how much that is. Damage of content is a range of bytes of one
// file. A lost blob affects only its own contents: the rest of a folder, and of a file, stays readable.
//
// A repair restores blobs whose bytes another source still has. It moves everything else aside, to a folder lost+found
// at the top, by ordinary journalled changes: a page becomes a folder of its own, which opens again if the blob is
// found one day, and a file keeps its remaining bytes. So the folders in use are intact, and a program that syncs them
// with others adds the missing files again. States of the history can't be changed; if one of them has a good version
// of a damaged item, the report names it.
package fsck

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/object"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// Source may still have blobs that the remote has lost: staging, a cache, a mirror. Its blobs are checked against their
// names.
type Source interface {
	// Get returns a whole blob, or any error.
	Get(ctx context.Context, name crypto.BlobName) ([]byte, error)
}

// Editor changes the drive's files; paths are those below /files. Errors are those of tree.Apply and of the journal.
type Editor interface {
	Apply(ctx context.Context, op tree.Op) error
}

// Options of a check. Store and At are needed; a repair also needs the fields marked so.
type Options struct {
	Store remote.Blobs // without a cache in front, to check what the remote itself holds
	At    object.Ref   // leads to the newest commit
	Older []object.Ref // other known commits, to use if the newest can't be opened; newest first

	ReadData bool // read and open every byte, instead of only checking that blobs exist and are long enough

	Lost map[crypto.BlobName]bool // blobs that an earlier repair reported as lost

	Repair  bool
	Sources []Source
	Editor  Editor // nil: nothing is moved aside
	// Version returns a version for a new folder; needed with Editor.
	Version func() (vfs.Version, error)

	// Mounted is called with the target of each mount, from several goroutines; nil: no call.
	Mounted func(*object.Target)

	Parallel int              // nodes and chunks read at once; 0: tree.DefaultParallel
	Log      *slog.Logger     // nil: quiet
	Now      func() time.Time // nil: time.Now
	// Progress is called now and then, from several goroutines; nil: no call.
	Progress func(Counts)
}

// Counts is how far a check has come.
type Counts struct {
	Nodes  int64 `json:"nodes"`       // folder pages and index nodes
	Chunks int64 `json:"chunks"`      // of files
	Bytes  int64 `json:"bytes"`       // of files, in those chunks
	Total  int64 `json:"total_bytes"` // of the current files, without the history
}

// Kind is what is damaged.
type Kind string

// The kinds of damage.
const (
	Commit Kind = "commit" // the newest commit: the drive can't be opened by other devices
	Folder Kind = "folder" // metadata: part of a folder, or all of it
	File   Kind = "file"   // content
)

// Range is some bytes of a file.
type Range struct {
	Offset int64 `json:"offset"`
	Length int64 `json:"length"`
}

// Damage describes the loss at one path.
type Damage struct {
	// Space is the id of the damaged space; empty for the own one, and if Path is one of the drive.
	Space string `json:"space,omitempty"`

	Kind Kind   `json:"kind"`
	Path string `json:"path"`
	Why  string `json:"why"`
	Blob string `json:"blob"`

	// For a folder: the names from From on and before Until, in sort order, are missing; both "": all of the folder.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	Count int64  `json:"count,omitempty"` // missing files and folders
	Bytes int64  `json:"bytes,omitempty"` // bytes of missing files

	// of a file, in order; none: all bytes can be read, only their description is damaged
	Ranges []Range `json:"ranges,omitempty"`

	Good  []string `json:"good,omitempty"`  // paths of good versions in the history, newest first
	Moved string   `json:"moved,omitempty"` // where the item was moved to

	// WentBack is the time of the older commit that replaced a lost newest one; otherwise zero.
	WentBack time.Time `json:"went_back,omitzero"`

	// Oldest and Newest are the states of the history that show the damage, too, or the only ones that show it.
	Oldest string `json:"oldest,omitempty"`
	Newest string `json:"newest,omitempty"`
	// GivenUp says that the damage is in lost+found or the history, and that an earlier repair found it irreparable.
	GivenUp bool `json:"given_up,omitempty"`

	visit tree.Visit
}

// Report is the result of a check.
type Report struct {
	Started  time.Time `json:"started"`
	Commit   time.Time `json:"commit"` // of the checked state
	ReadData bool      `json:"read_data"`
	Counts
	Damage []Damage `json:"damage"` // by path
	More   bool     `json:"more"`   // not all damage is named
	// Unchecked are paths that could not be checked because the remote is unreachable; they may be intact.
	Unchecked []string `json:"unchecked,omitempty"`
	Restored  []string `json:"restored,omitempty"` // blobs that were restored
	// Rewritten are files that the drive's owner rewrote: every byte could be read, but its description was damaged.
	Rewritten []string `json:"rewritten,omitempty"`
	// Lost are the blobs that a repair could not restore, for the Options.Lost of later checks.
	Lost []crypto.BlobName `json:"-"`
	// Copies are the results for each remote of a mirror, if the caller adds them. A check reads a blob from the first
	// remote that has it.
	Copies []Copy `json:"copies,omitempty"`
	// Fallback is the commit that was checked because the newest can't be opened; otherwise zero.
	Fallback object.Ref `json:"-"`
}

// Copy describes one of several remotes with the same contents.
type Copy struct {
	Remote  string `json:"remote"`
	Blobs   int64  `json:"blobs"` // blobs that were read
	Missing int64  `json:"missing"`
	Damaged int64  `json:"damaged"`
	Healed  int64  `json:"healed"`            // blobs restored from the other remotes
	Trouble string `json:"trouble,omitempty"` // why the check of this remote is incomplete
}

// Ill returns how many blobs are still missing or damaged.
func (c Copy) Ill() int64 { return c.Missing + c.Damaged - c.Healed }

// Add adds the report of another space.
func (r *Report) Add(s roots.Space, of Report) {
	for _, d := range of.Damage {
		if s.Place == "" {
			d.Space = s.ID.String()
		} else {
			d.Path = s.Show(d.Path)
		}
		r.Damage = append(r.Damage, d)
	}
	for _, path := range of.Unchecked {
		r.Unchecked = append(r.Unchecked, s.Show(path))
	}
	r.More = r.More || of.More
	r.Restored = append(r.Restored, of.Restored...)
	r.Nodes += of.Nodes
	r.Chunks += of.Chunks
	r.Bytes += of.Bytes
	r.Total += of.Total
}

// Clean reports whether there is no damage except earlier permanent losses.
func (r *Report) Clean() bool {
	return len(r.Unchecked) == 0 && !r.More && !slices.ContainsFunc(r.Damage, func(d Damage) bool { return !d.GivenUp })
}

// maxUnchecked limits how many unchecked paths a report names.
const maxUnchecked = 10_000

// Run checks once. It fails only when there is nothing to check, when ctx ends, or when a repair is impossible; the
// report then covers the run up to the error.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &check{Options: o, walker: tree.NewWalker(o.Parallel), bad: map[uint32]*finding{}, made: map[string]bool{},
		sizes: map[crypto.BlobName]int64{}, asked: map[crypto.BlobName]bool{}}
	c.report = Report{Started: o.Now().UTC(), ReadData: o.ReadData, Damage: []Damage{}}
	c.healer = &healer{check: c, tried: map[crypto.BlobName]bool{}}
	err := c.run(ctx)
	return c.report, err
}

// check is one run.
type check struct {
	Options
	healer *healer
	nodes  *tree.Nodes
	walker *tree.Walker
	whole  tree.Tree
	report Report

	mu    sync.Mutex
	sizes map[crypto.BlobName]int64 // as listed
	asked map[crypto.BlobName]bool  // blobs checked although not listed
	bad   map[uint32]*finding       // by visit number
	edges []tree.Edge

	made map[string]bool // folders made in lost+found
}

// finding is an unreadable part.
type finding struct {
	err    error
	ranges []Range // of a chunk, within the file
	blob   crypto.BlobName
}

func (c *check) run(ctx context.Context) error {
	if err := c.list(ctx); err != nil {
		return err
	}
	c.nodes = tree.NewNodes(c.healer, tree.Options{})
	if err := c.open(ctx); err != nil {
		return err
	}
	if err := c.walker.Walk(ctx, c.whole, c.visit); err != nil {
		return err
	}
	if len(c.bad) > 0 {
		if err := c.explain(ctx); err != nil {
			return err
		}
	}
	// an older state is not the one that is edited
	if !c.Repair || c.Editor == nil || c.report.Fallback != (object.Ref{}) {
		return nil
	}
	if err := c.moveAside(ctx); err != nil {
		return err
	}
	c.giveUp()
	return nil
}

// giveUp notes blobs that no source has any more.
func (c *check) giveUp() {
	lost := map[crypto.BlobName]bool{}
	for _, found := range c.bad {
		lost[found.blob] = true
	}
	c.report.Lost = slices.SortedFunc(maps.Keys(lost), func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) })
}

// list notes which blobs exist. If the remote can't list, the check goes on and looks up each blob.
func (c *check) list(ctx context.Context) error {
	for b, err := range c.Store.List(remote.PastCaches(ctx)) {
		if err != nil {
			c.Log.Warn("the remote could not list what it has; every blob is asked for", "error", err)
			break
		}
		c.sizes[b.Name] = b.Size
	}
	return ctx.Err()
}

// open opens the newest commit, or the newest known one that can be opened.
func (c *check) open(ctx context.Context) error {
	commit, _, err := c.nodes.Commit(ctx, c.At)
	if err == nil && commit.Roster != (object.Ref{}) {
		_, unread := c.nodes.Roster(ctx, commit.Roster)
		if unread != nil && !corrupt(unread) {
			return unread
		}
		if unread != nil {
			c.report.Damage = append(c.report.Damage,
				Damage{Kind: Commit, Path: "/", Why: unread.Error(), Blob: commit.Roster.Blob.String()})
		}
	}
	if err == nil {
		return c.begin(commit)
	}
	if !corrupt(err) {
		return err
	}
	c.report.Damage = append(c.report.Damage, Damage{Kind: Commit, Path: "/", Why: err.Error(), Blob: c.At.Blob.String()})
	for _, at := range c.Older {
		commit, _, older := c.nodes.Commit(ctx, at)
		if older == nil {
			c.report.Fallback = at
			return c.begin(commit)
		}
		if !corrupt(older) {
			return older
		}
	}
	return err
}

func (c *check) begin(commit object.Commit) error {
	c.report.Commit = object.Time(commit.Time)
	c.whole = tree.New(c.nodes, commit.Root)
	return nil
}

// corrupt reports whether an error means that something is lost rather than unreachable.
func corrupt(err error) bool {
	return errors.Is(err, vfs.ErrCorrupt) && !errors.Is(err, vfs.ErrUnavailable)
}
