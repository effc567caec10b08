package fsck

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"postern/vfs"
	"postern/vfs/tree"
)

// LostAndFound is the folder for damaged items, which are moved below a subfolder for the day. The name is known from
// Unix.
const LostAndFound = "/lost+found"

// moveAside moves damaged items out of the files: first the pages, from the highest down, so that their siblings can be
// changed; then the files.
func (c *check) moveAside(ctx context.Context) error {
	var todo []*Damage
	for i := range c.report.Damage {
		d := &c.report.Damage[i]
		if _, ok := below(d.Path, filesPath); !ok || setAside(d.Path) || d.Kind == File && len(d.Ranges) == 0 {
			continue
		}
		todo = append(todo, d)
	}
	slices.SortStableFunc(todo, func(a, b *Damage) int { return cmp.Compare(rank(b), rank(a)) })
	for _, d := range todo {
		rest, _ := below(d.Path, filesPath)
		if err := c.aside(ctx, d, rest); err != nil {
			return fmt.Errorf("move %s aside: %w", rest, err)
		}
	}
	return nil
}

// rank orders the items to move: the drive's top first, since everything else is moved into it.
func rank(d *Damage) int {
	rank := int(d.visit.Level)
	switch {
	case d.Kind == File:
		return -1
	case d.visit.Root:
		rank = 256
	}
	if d.Path == filesPath {
		rank += 512
	}
	return rank
}

// tries is how many destinations are tried before a move aside fails.
const tries = 100

func (c *check) aside(ctx context.Context, d *Damage, from string) error {
	now := c.Now()
	for try := 1; ; try++ {
		place, err := c.place(ctx, d, from, try, now)
		if err != nil {
			return err
		}
		op, err := c.asideOp(d, from, place, now)
		if err != nil {
			return err
		}
		err = c.Editor.Apply(ctx, op)
		switch {
		case err == nil:
			d.Moved = place
			return nil
		case errors.Is(err, vfs.ErrNotExist), errors.Is(err, vfs.ErrNotFolder), errors.Is(err, vfs.ErrIsFolder):
			return nil // it has changed since it was found damaged
		case !errors.Is(err, vfs.ErrExist) && !corrupt(err) || try == tries:
			return err
		}
	}
}

// label distinguishes a lost page from the folder that files of the same folder are moved to.
func label(d *Damage) string {
	switch {
	case d.Kind == File:
		return ""
	case d.From == "":
		return " (lost)"
	}
	return " (lost from " + string([]rune(d.From)[:min(len([]rune(d.From)), maxLabel)]) + ")"
}

// maxLabel limits how much of a name is quoted in another, in characters.
const maxLabel = 40

// tops are names at the top of the drive, spread over the alphabet: if the top itself is damaged, some of its names
// can't be looked up.
var tops = []string{"lost+found", "0 lost+found", "A lost+found", "a lost+found", "t lost+found", "~ lost+found"}

// place returns the destination of a damaged item: below lost+found under its own path, or directly in lost+found if
// that fails. try is the attempt number.
func (c *check) place(ctx context.Context, d *Damage, from string, try int, now time.Time) (string, error) {
	if from != "/" {
		to := numbered(LostAndFound+"/"+now.UTC().Format(time.DateOnly)+from+label(d), (try+1)/2)
		err := c.makeFolders(ctx, path.Dir(to), now)
		if err == nil && try%2 == 1 {
			return to, nil
		}
		if err != nil && !corrupt(err) && !errors.Is(err, vfs.ErrNotFolder) {
			return "", err
		}
	}
	top := "/" + tops[try%len(tops)] + now.UTC().Format(" 2006-01-02 150405")
	return numbered(top, 1+try/len(tops)), nil
}

func (c *check) asideOp(d *Damage, from, to string, now time.Time) (tree.Op, error) {
	if d.Kind == File {
		return tree.Move{From: from, To: to}, nil
	}
	version, err := c.Version()
	if err != nil {
		return nil, err
	}
	blob, off, _ := d.visit.Place()
	return tree.Sever{
		Path: from, Root: d.visit.Root, First: d.visit.First, Level: d.visit.Level, Blob: blob, Off: off,
		To: to, Version: version, Time: now.UnixNano(),
	}, nil
}

// numbered returns a path that has, from the second try on, a number before the extension.
func numbered(to string, try int) string {
	if try == 1 {
		return to
	}
	ext := path.Ext(to)
	return fmt.Sprintf("%s (%d)%s", strings.TrimSuffix(to, ext), try, ext)
}

// makeFolders makes a folder and its missing parents.
func (c *check) makeFolders(ctx context.Context, folder string, now time.Time) error {
	if folder == "/" || c.made[folder] {
		return nil
	}
	if err := c.makeFolders(ctx, path.Dir(folder), now); err != nil {
		return err
	}
	version, err := c.Version()
	if err != nil {
		return err
	}
	err = c.Editor.Apply(ctx, tree.Mkdir{Path: folder, Version: version, Time: now})
	if err == nil || errors.Is(err, vfs.ErrExist) {
		c.made[folder] = true
		return nil
	}
	return err
}
