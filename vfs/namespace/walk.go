package namespace

import (
	"context"
	"iter"
	"path"

	"postern/vfs"
)

// lister is a state of a file system whose folders can be listed.
type lister interface {
	List(ctx context.Context, path string) iter.Seq2[vfs.Info, error]
}

// walk calls enter with each item at and below a path, folders before their contents, and leave with each folder after
// its contents: with the path below the first, "" for the first. top is the info of the first. The memory that it takes
// is bounded by the depth.
func walk(
	ctx context.Context, fs lister, root string, top vfs.Info, enter, leave func(below string, info vfs.Info) error,
) error {
	type level struct {
		below string
		info  vfs.Info
		next  func() (vfs.Info, error, bool)
		stop  func()
	}
	var open []level // each within the one before
	defer func() {
		for _, l := range open {
			l.stop()
		}
	}()
	begin := func(below string, info vfs.Info) error {
		err := enter(below, info)
		if err == nil && info.Folder {
			next, stop := iter.Pull2(fs.List(ctx, path.Join(root, below)))
			open = append(open, level{below, info, next, stop})
		}
		return err
	}
	err := begin("", top)
	for err == nil && len(open) > 0 {
		if err = ctx.Err(); err != nil {
			break
		}
		l := open[len(open)-1]
		switch info, failed, more := l.next(); {
		case !more:
			l.stop()
			open = open[:len(open)-1]
			err = leave(l.below, l.info)
		case failed != nil:
			err = failed
		default:
			err = begin(l.below+"/"+info.Name, info)
		}
	}
	return err
}
