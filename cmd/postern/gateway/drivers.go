package gateway

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/line"
	"postern/remote/mem"
	"postern/remote/pace"
	"postern/remote/s3"
	"postern/remote/verify"
)

// Driver is a kind of remote: it describes its URLs and opens them.
type Driver struct {
	Scheme string
	Form   string // for help and sentences
	// Volatile remotes end with the process, so nothing that refers to them may outlive it.
	Volatile bool
	// Blocks means that calls may block in the system, where no context ends them.
	Blocks bool
	// Counts means that the driver counts its requests and bytes itself, since they are paid for.
	Counts bool
	// Network means that the remote is reached over the network by this program, not by the system.
	Network bool
	// Open opens the remote named by the part of a URL after its scheme. Nil for mirrors, whose members have drivers of
	// their own.
	Open func(ctx context.Context, rest string, o Opening) (remote.Store, error)
}

// Drivers is a table of kinds of remotes. Nil stands for the shipped table.
type Drivers []Driver

// Shipped returns a new copy of the table of all kinds of remotes.
func Shipped() Drivers {
	return Drivers{
		{Scheme: "disk", Form: "disk:/path/of/a/folder", Blocks: true, Open: openDisk},
		{Scheme: "s3", Form: s3.Form + " (a bucket)", Counts: true, Network: true, Open: openS3},
		{Scheme: "mem", Form: "mem: (gone when the gateway stops)", Volatile: true, Open: openMem},
		{Scheme: mirrorScheme, Form: "mirror:URL,URL (copies of each other)"},
	}
}

// find returns the driver of a scheme.
func (ds Drivers) find(scheme string) (Driver, bool) {
	at := slices.IndexFunc(ds, func(d Driver) bool { return d.Scheme == scheme })
	if at < 0 {
		return Driver{}, false
	}
	return ds[at], true
}

// Target is a remote's URL, parsed.
type Target struct {
	driver Driver
	rest   string // what follows the scheme
	// local remotes are in the home or in memory: they can't be away, and answer as fast as a cache on disk. Any other
	// folder may be on a stick or a share, or be renamed.
	local  bool
	mirror *copies // nil: it is one remote
}

// Parse parses the URL of a remote. An empty URL is the folder in the home.
func (ds Drivers) Parse(url string, h home.Home) (Target, error) {
	if ds == nil {
		ds = Shipped()
	}
	if url == "" {
		d, _ := ds.find("disk")
		return Target{driver: d, rest: h.Remote(), local: true}, nil
	}
	scheme, rest, ok := strings.Cut(url, ":")
	if d, known := ds.find(scheme); ok && known {
		return ds.parse(d, rest, h)
	}
	var forms []string
	for _, d := range ds {
		forms = append(forms, d.Form)
	}
	if !ok {
		return Target{}, say.Usagef("the remote %q is no URL: a remote is one of %s", url, strings.Join(forms, ", "))
	}
	return Target{}, say.Usagef("there is no remote of the kind %q: a remote is one of %s", scheme+":",
		strings.Join(forms, ", "))
}

// parse normalises the part of a URL after its scheme.
func (ds Drivers) parse(d Driver, rest string, h home.Home) (Target, error) {
	local := d.Volatile
	switch d.Scheme {
	case "mem":
		if rest != "" {
			return Target{}, say.Usagef("the remote mem: takes nothing after the colon")
		}
	case mirrorScheme:
		return ds.parseMirror(d, rest, h)
	case "s3":
		place, err := s3.ParsePlace(rest)
		if err == nil && place.CA != "" {
			place.CA, err = filepath.Abs(place.CA)
		}
		if err != nil {
			return Target{}, say.Usagef("%w", err)
		}
		rest = strings.TrimPrefix(place.String(), "s3:")
	case "disk":
		path := rest
		if strings.HasPrefix(path, "//") {
			path = strings.TrimPrefix(path, "//") // disk:///path, like other URLs
			if !strings.HasPrefix(path, "/") {
				return Target{}, say.Usagef("the remote disk:%s names a machine: write disk:/path", rest)
			}
		}
		if tail, ok := strings.CutPrefix(path, "~/"); ok {
			// The shell does not expand a tilde after a colon, and a folder called "~" is surely not meant.
			own, err := os.UserHomeDir()
			if err != nil {
				return Target{}, say.Usagef("the remote disk:%s names your home folder, which can't be found: write the whole path",
					rest)
			}
			path = filepath.Join(own, tail)
		}
		if path == "" {
			return Target{}, say.Usagef("the remote disk: needs a folder, as in disk:/mnt/backup/postern")
		}
		abs, err := filepath.Abs(path)
		if err != nil {
			return Target{}, say.Usagef("can't make the path of the folder %s absolute: %w", path, err)
		}
		rest, local = abs, h != "" && strings.HasPrefix(abs, h.String()+string(filepath.Separator))
	}
	return Target{driver: d, rest: rest, local: local}, nil
}

// String returns the URL in its normal form; it holds no secrets.
func (t Target) String() string { return t.driver.Scheme + ":" + t.rest }

// Volatile reports whether the remote ends with the process.
func (t Target) Volatile() bool { return t.driver.Volatile }

// Network reports whether the remote, or a member of a mirror, is reached over the network by this program.
func (t Target) Network() bool {
	return t.driver.Network || t.mirror != nil && slices.ContainsFunc(t.mirror.members, Target.Network)
}

// Default reports whether the remote is the folder in the home that a drive uses by default.
func (t Target) Default(h home.Home) bool { return t.driver.Scheme == "disk" && t.rest == h.Remote() }

// owned reports whether the remote is a folder in the home after all links are followed. Only this gateway writes
// there, so its files may share their bytes with staged ones. The folder must exist already.
func (t Target) owned(h home.Home) bool {
	if !t.local || t.mirror != nil || t.driver.Scheme != "disk" {
		return false
	}
	store, err := filepath.EvalSymlinks(t.rest)
	if err != nil {
		return false
	}
	own, err := filepath.EvalSymlinks(h.String())
	if err != nil {
		return false
	}
	within, err := filepath.Rel(own, store)
	return err == nil && within != "." && filepath.IsLocal(within)
}

// Opening are the choices for opening a remote.
type Opening struct {
	Founding   bool          // an empty place may become a remote; else it must be one already
	Pins       verify.Pins   // the newest pointers seen; nil: none
	Log        *slog.Logger  // nil: quiet
	WatchEvery time.Duration // time between two checks of a watched disk; 0: disk.DefaultWatchEvery

	// Opened is called with each driver that was opened, also those of a mirror's members; nil: nothing.
	Opened func(driver remote.Store)

	waits  remote.Deadlines
	limits *pace.Limits       // of the bandwidth; nil: none
	usage  *home.Usage        // where requests are counted; nil: nowhere
	used   func(remote.Usage) // counts those of the remote that is opened; set by line
}

// Open opens the remote by its driver alone: calls are neither retried nor verified, but callers can abandon calls that
// hang.
func (t Target) Open(ctx context.Context, o Opening) (remote.Store, error) {
	l, err := t.line(ctx, o, line.Options{Once: true})
	if err != nil {
		return nil, err
	}
	return l.Store, nil
}

// line opens the remote and puts a line in front of it. lo needs only the options that the gateway chooses.
func (t Target) line(ctx context.Context, o Opening, lo line.Options) (*line.Line, error) {
	lo.Name, lo.Log, lo.Local, lo.Hangs = t, o.Log, t.local, t.driver.Blocks && !t.local
	lo.Hedge = !t.local && !t.driver.Blocks && t.mirror == nil
	if o.Founding && !t.driver.Blocks {
		o.waits.Open = o.waits.OrShipped().Found
	}
	if t.mirror == nil {
		lo.Limits = o.limits
		if o.usage != nil {
			o.used = o.usage.Of(t.String())
			lo.Used = t.driver.uncounted(o.used)
		}
		open := func(ctx context.Context) (remote.Store, error) {
			store, err := t.driver.Open(ctx, t.rest, o)
			if err == nil && o.Opened != nil {
				o.Opened(store)
			}
			return store, err
		}
		return line.New(ctx, open, o.waits, lo)
	}
	late := lo.Late
	lo.Late = false // its members may be
	open := func(ctx context.Context) (remote.Store, error) { return t.mirror.open(ctx, o, late) }
	return line.New(ctx, open, o.waits, lo)
}

// uncounted returns the part of used that is left to the line.
func (d Driver) uncounted(used func(remote.Usage)) func(remote.Usage) {
	if !d.Counts {
		return used
	}
	return func(u remote.Usage) {
		if u.Errors > 0 {
			used(remote.Usage{Errors: u.Errors})
		}
	}
}

func openDisk(_ context.Context, path string, o Opening) (remote.Store, error) {
	if o.Founding {
		if _, err := os.Stat(filepath.Dir(path)); errors.Is(err, fs.ErrNotExist) {
			// One new folder is intended. A path with several missing folders is a typing error, or a disk that isn't
			// mounted.
			return nil, say.Advisef("there is no folder %s to make the remote %s in: see that its disk is mounted and the "+
				"path is right, or make it first",
				filepath.Dir(path), filepath.Base(path))
		}
	}
	// The mount point of a disk that isn't mounted is an empty folder, which must not become an empty remote.
	store, err := disk.Open(path, disk.Options{Log: o.Log, Existing: !o.Founding, OpenFiles: blobsOpen(openFiles()),
		WatchEvery: o.WatchEvery})
	if errors.Is(err, disk.ErrNoStore) {
		return nil, say.Advised(&noRemoteError{path, "its disk is mounted and the path is"})
	}
	if err != nil {
		return nil, err
	}
	return store, nil
}

// openS3 opens a remote in a bucket.
func openS3(ctx context.Context, rest string, o Opening) (remote.Store, error) {
	place, err := s3.ParsePlace(rest)
	if err != nil {
		return nil, err
	}
	store, err := s3.Open(ctx, place, s3.Options{Log: o.Log, Existing: !o.Founding, Used: o.used})
	if errors.Is(err, s3.ErrNoStore) {
		return nil, say.Advised(&noRemoteError{place.String(), "the bucket and the prefix are"})
	}
	if err != nil {
		return nil, err
	}
	return store, nil
}

// noRemoteError is the error for a place that must hold a remote and does not.
type noRemoteError struct{ place, check string }

// Error names the place.
func (e *noRemoteError) Error() string {
	return fmt.Sprintf("there is no remote in %s: see that %s right", e.place, e.check)
}

// OrCreate adds --create to the remedies in an error about a missing remote. Other errors stay as they are.
func OrCreate(err error) error {
	if _, missing := errors.AsType[*noRemoteError](err); missing {
		return say.Advisef("%w, or have a new one made there with --create", err)
	}
	return err
}

func openMem(context.Context, string, Opening) (remote.Store, error) {
	return mem.New(), nil
}
