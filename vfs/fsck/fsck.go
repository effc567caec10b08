// Package fsck checks everything that a drive's newest commit leads to, and repairs what can be.
//
// What is found is told by paths. Damage of metadata is a folder page that can't be read: part of a folder, or all of it, with what lies
// below, of which the page above still tells how much it is. Damage of content is a range of bytes of one file. A blob that is lost
// takes what was in it and nothing else: the rest of a folder, and of a file, stays readable.
//
// Repair puts back, under their names, blobs of which another source still has the bytes. The rest is moved aside, to a folder
// lost+found at the top, by the same journalled changes as any other: a page as a folder of its own, which opens again should the
// blob be found one day, and a file with the bytes that it still has. So the folders that people and programs use are whole, and a program
// that keeps them in step with others fills what is missing. States of the history can't be changed; where one of them has a good
// version of what is damaged, the report names it as a way out.
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
	"postern/vfs/tree"
)

// Source may still have blobs that the remote has lost: staging, a cache, a mirror. What it gives is checked against the name.
type Source interface {
	// Get returns a whole blob, or any error.
	Get(ctx context.Context, name crypto.BlobName) ([]byte, error)
}

// Editor changes the drive's files; paths are those below /files. Errors are those of tree.Apply and of the journal.
type Editor interface {
	Apply(ctx context.Context, op tree.Op) error
}

// Options of a check. Store and At are needed; with Repair also what it says there.
type Options struct {
	Store remote.Blobs // without a cache before it, if only that is to be believed that lies at the remote
	At    object.Ref   // leads to the newest commit
	Older []object.Ref // commits that are known otherwise, in case that the newest can't be opened; newest first

	ReadData bool // read and open every byte, not only look whether the blobs are there and long enough

	Lost map[crypto.BlobName]bool // what an earlier repair gave up

	Repair  bool
	Sources []Source
	Editor  Editor // nil: nothing is moved aside
	// Version names the folders that are made; needed with Editor.
	Version func() (vfs.Version, error)

	// Mounted is called with what each mount refers to, from several goroutines; nil: nobody asks.
	Mounted func(*object.Target)

	Parallel int              // nodes and chunks read at once; 0: tree.DefaultParallel
	Log      *slog.Logger     // nil: quiet
	Now      func() time.Time // nil: time.Now
	// Progress is called now and then, from several goroutines; nil: nobody wants to know.
	Progress func(Counts)
}

// Counts is how far a check has come.
type Counts struct {
	Nodes  int64 `json:"nodes"`       // folder pages and index nodes
	Chunks int64 `json:"chunks"`      // of files
	Bytes  int64 `json:"bytes"`       // of files, in those chunks
	Total  int64 `json:"total_bytes"` // of files as they are now, without the history
}

// Kind tells what is damaged.
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

// Damage is what is lost at one path.
type Damage struct {
	// Space is the id of the space where it is; empty for the own one.
	Space string `json:"space,omitempty"`

	Kind Kind   `json:"kind"`
	Path string `json:"path"`
	Why  string `json:"why"`
	Blob string `json:"blob"`

	// Of a folder: the names from From on and before Until, as they are sorted, are missing; both "": all that the folder holds.
	From  string `json:"from,omitempty"`
	Until string `json:"until,omitempty"`
	Count int64  `json:"count,omitempty"` // files and folders that are missing
	Bytes int64  `json:"bytes,omitempty"` // of files that are missing

	Ranges []Range `json:"ranges,omitempty"` // of a file, in order; none: its bytes can all be read, only what describes them is damaged

	Good  []string `json:"good,omitempty"`  // paths in the history where a good version lies, newest first
	Moved string   `json:"moved,omitempty"` // where it was moved to

	// WentBack is the time of the commit that was made the newest again in the place of a lost one; zero else.
	WentBack time.Time `json:"went_back,omitzero"`

	// Oldest and Newest are the states of the history that show it, too; or, of what the files don't show, those that do.
	Oldest string `json:"oldest,omitempty"`
	Newest string `json:"newest,omitempty"`
	// GivenUp: it lies in lost+found or the history, and an earlier repair found that nobody has it any more.
	GivenUp bool `json:"given_up,omitempty"`

	visit tree.Visit
}

// Report is what came of a check.
type Report struct {
	Started  time.Time `json:"started"`
	Commit   time.Time `json:"commit"` // of the state that was checked
	ReadData bool      `json:"read_data"`
	Counts
	Damage []Damage `json:"damage"` // by path
	More   bool     `json:"more"`   // there is more damage than is named
	// Unchecked are paths that could not be checked, since the remote can't be reached; they may be well.
	Unchecked []string `json:"unchecked,omitempty"`
	Restored  []string `json:"restored,omitempty"` // blobs that were put again
	// Rewritten are files that were written anew, by who can write them: every byte of them could be read, but not what describes them.
	Rewritten []string `json:"rewritten,omitempty"`
	// Lost are the blobs that a repair could not bring back: what an Options.Lost of a later check is made of.
	Lost []crypto.BlobName `json:"-"`
	// Copies are what was found at each remote of a mirror, by who knows them; a check reads what the first gives that has it.
	Copies []Copy `json:"copies,omitempty"`
	// Fallback is the commit that was checked when the newest can't be opened; zero else.
	Fallback object.Ref `json:"-"`
}

// Copy is one of several remotes that hold the same.
type Copy struct {
	Remote  string `json:"remote"`
	Blobs   int64  `json:"blobs"` // that were read
	Missing int64  `json:"missing"`
	Damaged int64  `json:"damaged"`
	Healed  int64  `json:"healed"`            // of those, from the others
	Trouble string `json:"trouble,omitempty"` // why not all of it was looked at
}

// Ill is how many blobs are missing or damaged still.
func (c Copy) Ill() int64 { return c.Missing + c.Damaged - c.Healed }

// Add adds what was found in another space.
func (r *Report) Add(space string, of Report) {
	for _, d := range of.Damage {
		d.Space = space
		r.Damage = append(r.Damage, d)
	}
	for _, path := range of.Unchecked {
		r.Unchecked = append(r.Unchecked, "space "+space+": "+path)
	}
	r.More = r.More || of.More
	r.Restored = append(r.Restored, of.Restored...)
	r.Nodes += of.Nodes
	r.Chunks += of.Chunks
	r.Bytes += of.Bytes
	r.Total += of.Total
}

// Clean reports whether everything is well, but for what was given up before.
func (r *Report) Clean() bool {
	return len(r.Unchecked) == 0 && !r.More && !slices.ContainsFunc(r.Damage, func(d Damage) bool { return !d.GivenUp })
}

// maxUnchecked bounds how many paths a report names that could not be checked.
const maxUnchecked = 10_000

// Run checks once. It fails only when there is nothing to check, when ctx ends, or when a repair can't be made; the report is as far as
// it came.
func Run(ctx context.Context, o Options) (Report, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	c := &check{Options: o, walker: tree.NewWalker(o.Parallel), bad: map[uint32]*finding{}, made: map[string]bool{}, sizes: map[crypto.BlobName]int64{}, asked: map[crypto.BlobName]bool{}}
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
	asked map[crypto.BlobName]bool  // though not listed
	bad   map[uint32]*finding       // by number of the visit
	edges []edge

	made map[string]bool // folders of lost+found
}

// finding is something that can't be read.
type finding struct {
	err    error
	ranges []Range // of a chunk, within the file
	blob   crypto.BlobName
}

// edge leads from a page or index node to what it leads to, by their numbers.
type edge struct{ from, to uint32 }

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
	if !c.Repair || c.Editor == nil || c.report.Fallback != (object.Ref{}) { // an older state is not what is edited
		return nil
	}
	if err := c.moveAside(ctx); err != nil {
		return err
	}
	c.giveUp()
	return nil
}

// giveUp notes what nobody has any more.
func (c *check) giveUp() {
	lost := map[crypto.BlobName]bool{}
	for _, found := range c.bad {
		lost[found.blob] = true
	}
	c.report.Lost = slices.SortedFunc(maps.Keys(lost), func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) })
}

// list notes what is there. That the remote can't list is no reason to end: what is not noted is asked for one by one.
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

// open opens the newest commit, or the newest of those known that can be.
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

// corrupt tells what is lost from what can't be reached now.
func corrupt(err error) bool {
	return errors.Is(err, vfs.ErrCorrupt) && !errors.Is(err, vfs.ErrUnavailable)
}
