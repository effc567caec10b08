package people_test

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/remote/localfs/simfs"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/layout"
	"postern/vfs/meet"
	"postern/vfs/namespace"
	"postern/vfs/people"
	"postern/vfs/people/peopletest"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/space"
	"postern/vfs/space/base"
	"postern/vfs/tree"
)

// TestStories runs the stories over the tree directly.
func TestStories(t *testing.T) {
	for _, story := range peopletest.Stories() {
		t.Run(story.Name, func(t *testing.T) {
			t.Parallel()
			story.Tell(t, &trees{store: mem.New(), letters: newRecorder(), disks: map[int]*simfs.FS{},
				pins: map[int]*verify.MemoryPins{}})
		})
	}
}

// trees are gateways at one store in memory, whose drives are used directly.
type trees struct {
	store *mem.Store
	disks map[int]*simfs.FS
	pins  map[int]*verify.MemoryPins

	letters *recorder // has the inboxes
}

// Befriend implements peopletest.Kit.
func (k *trees) Befriend(ctx context.Context, a, b peopletest.Gateway) (bool, error) {
	return true, people.Befriend(ctx, a.People, b.People)
}

// Freeze implements peopletest.Kit.
func (k *trees) Freeze(_ *testing.T, h peopletest.Home) { k.disks[h.Number] = k.disks[h.Number].Copy() }

// Open implements peopletest.Kit.
func (k *trees) Open(t *testing.T, h peopletest.Home) peopletest.Gateway {
	t.Helper()
	ctx, log := t.Context(), slog.New(slog.DiscardHandler)
	device := space.Device{ID: [16]byte{byte(h.Number + 1)}, Name: h.Name}
	if k.disks[h.Number] == nil {
		k.disks[h.Number], k.pins[h.Number] = simfs.New(), &verify.MemoryPins{}
	}
	disk, store := k.disks[h.Number], verify.New(remote.Wrap(k.store.Another(), h.Around), k.pins[h.Number])
	if h.First {
		if err := space.Create(ctx, store, base.Own(h.Account), device, rand.Reader, h.Now()); err != nil {
			t.Fatal(err)
		}
	}
	var p *people.People
	ready := make(chan struct{})
	own, err := space.Open(ctx, space.Options{
		Store: store, Keys: base.Own(h.Account), Dir: "/home", Device: device, FS: disk, Now: h.Now,
		Deadlines: remote.Deadlines{Poll: time.Hour, Again: time.Minute}.OrShipped(),
		Registry: func(ctx context.Context, own roots.State) ([]roots.Space, error) {
			state, err := registry.FromTree(ctx, own.Tree)
			return people.Roots(h.Account, state), err
		},
		Carry: func(in crypto.PointerID, c tree.Conflict) {
			select {
			case <-ready:
				p.Carry(in, c)
			default:
				go func() { // a conflict of the start
					select {
					case <-ready:
						p.Carry(in, c)
					case <-ctx.Done():
					}
				}()
			}
		},
		Beside: func(ctx context.Context, id crypto.PointerID) (space.Options, error) {
			select {
			case <-ready:
				return p.Beside(ctx, id)
			case <-ctx.Done():
				return space.Options{}, ctx.Err()
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	drive := namespace.New(namespace.Options{
		Open:  func(ctx context.Context, outer vfs.FS, m tree.Mounted) (vfs.FS, error) { return p.Open(ctx, outer, m) },
		Moved: func(from, to string) { p.Moved(from, to) },
	}, map[string]vfs.FS{layout.Files: own, layout.Shared: namespace.Folder(time.Time{}), layout.History: own.History()})
	seen, err := meet.OpenSeen(disk, "/home/letters", log)
	if err == nil {
		p, err = people.New(people.Options{Account: h.Account, User: h.User, Device: device, Own: own, Drive: drive,
			Store: store, Seen: seen, Now: h.Now, Rand: rand.Reader, Log: log})
	}
	if err != nil {
		t.Fatal(errors.Join(err, own.Close()))
	}
	people.WithoutStamps(p, reachable{mail{k.letters, 0}, store.Roles().Inbox})
	close(ready)
	return peopletest.Gateway{Drive: direct{drive}, People: p, Own: own,
		Close: func() error { return errors.Join(p.Close(), own.Close()) }}
}

// direct is a drive that is used without a protocol.
type direct struct{ *namespace.Drive }

// Put implements peopletest.Drive.
func (d direct) Put(ctx context.Context, path, text string) error {
	up, err := d.Create(ctx, path)
	if err != nil {
		return err
	}
	defer up.Abort()
	if _, err := io.WriteString(up, text); err != nil {
		return err
	}
	_, _, err = up.Commit(ctx, vfs.CommitOptions{})
	return err
}

// Get implements peopletest.Drive.
func (d direct) Get(ctx context.Context, path string) (string, error) {
	f, err := d.Open(ctx, path)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	_, err = io.Copy(&b, f)
	return b.String(), errors.Join(err, f.Close())
}

// Mkdir implements peopletest.Drive.
func (d direct) Mkdir(ctx context.Context, path string) error { return d.Drive.Mkdir(ctx, path, nil) }

// Move implements peopletest.Drive.
func (d direct) Move(ctx context.Context, from, to string) error {
	_, err := d.Drive.Move(ctx, from, to, vfs.CopyOptions{})
	return err
}

// Copy implements peopletest.Drive.
func (d direct) Copy(ctx context.Context, from, to string) error {
	_, err := d.Drive.Copy(ctx, from, to, vfs.CopyOptions{})
	return err
}

// Remove implements peopletest.Drive.
func (d direct) Remove(ctx context.Context, path string) error { return d.Drive.Remove(ctx, path, nil) }

// List implements peopletest.Drive.
func (d direct) List(ctx context.Context, path string) (names []string, err error) {
	for info, err := range d.Drive.List(ctx, path) {
		if err != nil {
			return nil, err
		}
		name := info.Name
		if info.Folder {
			name += "/"
		}
		names = append(names, name)
	}
	return names, nil
}
