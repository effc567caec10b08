package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"postern/cmd/postern/home"
	"postern/remote"
	"postern/remote/detach"
	"postern/remote/disk"
	"postern/remote/mem"
	"postern/remote/verify"
)

// driver is a kind of remote: what its URLs look like and how one is opened.
type driver struct {
	scheme string
	form   string // for help and sentences
	// volatile remotes end with the process: nothing that refers to them may be kept either.
	volatile bool
	// blocks says that calls are the system's, which end with no context.
	blocks bool
	// open opens the remote; nil for mirrors, whose parts have theirs. founding says that it may become one now, as an empty folder does; else it has to be one.
	open func(ctx context.Context, rest string, founding bool, log *slog.Logger) (remote.Store, error)
}

// drivers is the table of all kinds of remotes.
var drivers = []driver{
	{scheme: "disk", form: "disk:/path/of/a/folder", blocks: true, open: openDisk},
	{scheme: "mem", form: "mem: (gone when the gateway stops)", volatile: true, open: openMem},
	{scheme: mirrorScheme, form: "mirror:URL,URL (copies of each other)"},
}

// target is a remote's URL, parsed.
type target struct {
	driver driver
	rest   string // what follows the scheme
	// local remotes can't be away, and answer as fast as a cache on disk would: what lies in the home, or in memory. Any other folder may be
	// on a stick or a share, or be renamed.
	local  bool
	mirror *copies // nil: it is one remote
}

// parseRemote finds the driver of a URL; empty is the folder in the home.
func parseRemote(url string, h home.Home) (target, error) {
	if url == "" {
		return target{driver: drivers[0], rest: h.Remote(), local: true}, nil
	}
	scheme, rest, ok := strings.Cut(url, ":")
	for _, d := range drivers {
		if ok && d.scheme == scheme {
			return d.parse(rest, h)
		}
	}
	var forms []string
	for _, d := range drivers {
		forms = append(forms, d.form)
	}
	if !ok {
		return target{}, usagef("the remote %q is no URL: a remote is one of %s", url, strings.Join(forms, ", "))
	}
	return target{}, usagef("there is no remote of the kind %q: a remote is one of %s", scheme+":", strings.Join(forms, ", "))
}

// parse brings what follows the scheme into the one form that is kept.
func (d driver) parse(rest string, h home.Home) (target, error) {
	local := d.volatile
	switch d.scheme {
	case "mem":
		if rest != "" {
			return target{}, usagef("the remote mem: takes nothing after the colon")
		}
	case mirrorScheme:
		return parseMirror(d, rest, h)
	case "disk":
		path := rest
		if strings.HasPrefix(path, "//") {
			path = strings.TrimPrefix(path, "//") // disk:///path, as other URLs are written
			if !strings.HasPrefix(path, "/") {
				return target{}, usagef("the remote disk:%s names a machine: write disk:/path", rest)
			}
		}
		if tail, ok := strings.CutPrefix(path, "~/"); ok {
			// The shell leaves a tilde after a colon alone, and a folder called "~" is what nobody wants.
			own, err := os.UserHomeDir()
			if err != nil {
				return target{}, usagef("the remote disk:%s names your home folder, which can't be told: write the whole path", rest)
			}
			path = filepath.Join(own, tail)
		}
		if path == "" {
			return target{}, usagef("the remote disk: needs a folder, as in disk:/mnt/backup/postern")
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return target{}, usagef("can't tell where the folder %s is: %w", path, err)
		}
		rest, local = abs, h != "" && strings.HasPrefix(abs, h.String()+string(filepath.Separator))
	}
	return target{driver: d, rest: rest, local: local}, nil
}

// String is the URL as it is kept and shown; it holds no secrets.
func (t target) String() string { return t.driver.scheme + ":" + t.rest }

// opening says how a remote is opened.
type opening struct {
	founding bool         // it may become one now
	pins     verify.Pins  // what was seen of its pointers; nil: nothing
	log      *slog.Logger // nil: quiet
}

func (t target) open(ctx context.Context, o opening) (remote.Store, error) {
	if t.mirror != nil {
		return t.mirror.open(ctx, o, target.open)
	}
	open := func() (remote.Store, error) { return t.driver.open(ctx, t.rest, o.founding, o.log) }
	if t.local || !t.driver.blocks {
		return open()
	}
	store, err := detach.Open(ctx, t, open)
	if err != nil {
		return nil, err
	}
	return detach.New(store, detach.Options{Log: o.log}), nil
}

func openDisk(_ context.Context, path string, founding bool, log *slog.Logger) (remote.Store, error) {
	if !founding {
		// A disk that isn't mounted leaves an empty folder behind, which must not become a remote that lost everything.
		if held, err := os.ReadDir(path); errors.Is(err, fs.ErrNotExist) || err == nil && len(held) == 0 {
			return nil, advisef("there is no remote in %s: see that its disk is mounted and the path is right", path)
		}
	}
	return disk.Open(path, disk.Options{Log: log})
}

func openMem(context.Context, string, bool, *slog.Logger) (remote.Store, error) {
	return mem.New(), nil
}
