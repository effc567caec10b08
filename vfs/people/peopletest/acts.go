package peopletest

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"postern/vfs"
	"postern/vfs/people"
)

// put writes a file.
func put(name, text string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		return about("put "+name, d.Put(ctx, name, text))
	}
}

// about names what failed.
func about(what string, err error) error {
	if err != nil {
		err = fmt.Errorf("%s: %w", what, err)
	}
	return err
}

func mkdir(name string) Act {
	return func(ctx context.Context, _ *World, d *device) error { return about("mkdir "+name, d.Mkdir(ctx, name)) }
}

func remove(name string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		return about("remove "+name, d.Remove(ctx, name))
	}
}

func move(from, to string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		return about("move "+from+" to "+to, d.Move(ctx, from, to))
	}
}

func copies(from, to string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		return about("copy "+from+" to "+to, d.Copy(ctx, from, to))
	}
}

// reads expects the contents of a file.
func reads(name, want string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		got, err := d.Get(ctx, name)
		if err == nil && got != want {
			err = fmt.Errorf("%q, not %q", got, want)
		}
		return about("read "+name, err)
	}
}

// lists expects the names in a folder, those of folders with a slash at the end.
func lists(name string, want ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		got, err := d.List(ctx, name)
		if err == nil && !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
			err = fmt.Errorf("%q, not %q", got, want)
		}
		return about("list "+name, err)
	}
}

// lacks expects that nothing is at some paths.
func lacks(names ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		for _, name := range names {
			got, err := d.List(ctx, path.Dir(name))
			if errors.Is(err, vfs.ErrNotExist) {
				continue
			}
			if err != nil {
				return about("list "+path.Dir(name), err)
			}
			if slices.ContainsFunc(got, func(s string) bool { return strings.TrimSuffix(s, "/") == path.Base(name) }) {
				return fmt.Errorf("%s is there", name)
			}
		}
		return nil
	}
}

// fails expects that an act fails with an error of a kind.
func fails(kind error, act Act) Act {
	return func(ctx context.Context, w *World, d *device) error {
		err := act(ctx, w, d)
		if err == nil {
			return fmt.Errorf("nothing failed as it should: %w", kind)
		}
		if !errors.Is(err, kind) {
			return fmt.Errorf("%w, which is not of the kind %w", err, kind)
		}
		return nil
	}
}

// refused expects that an act is refused with a sentence that contains a text.
func refused(text string, act Act) Act {
	return func(ctx context.Context, w *World, d *device) error {
		err := act(ctx, w, d)
		switch {
		case err == nil:
			return fmt.Errorf("nothing was refused with %q", text)
		case !strings.Contains(err.Error(), text):
			return fmt.Errorf("%w, which does not say %q", err, text)
		}
		return nil
	}
}

// right is what a share allows.
type right bool

const (
	read  right = false
	write right = true
)

func share(name string, r right, with ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		_, err := d.People.Share(ctx, name, with, bool(r))
		return about("share "+name, err)
	}
}

func unshare(name string, from ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		_, err := d.People.Unshare(ctx, name, from)
		return about("unshare "+name, err)
	}
}

func leave(name string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		return about("leave "+name, d.People.Leave(ctx, name))
	}
}

// shares expects the lines of what the user shares: path, name, and with whom.
func shares(want ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		all, err := d.People.Shares(ctx)
		if err != nil {
			return err
		}
		var got []string
		for _, s := range all.Mine {
			line := s.Path + " as " + s.Name + ":"
			for _, g := range s.With {
				line += " " + g.To
				if g.Write {
					line += "+"
				}
				if g.Waiting {
					line += "?"
				}
			}
			got = append(got, line)
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("shares %q, not %q", got, want)
		}
		return nil
	}
}

// receives expects the paths of what others share with the user, those that it may write with a plus.
func receives(want ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		all, err := d.People.Shares(ctx)
		if err != nil {
			return err
		}
		var got []string
		for _, r := range all.Theirs {
			line := r.Path
			if r.Write {
				line += "+"
			}
			got = append(got, line)
		}
		if len(all.Unknown) > 0 || !slices.Equal(got, want) {
			return fmt.Errorf("receives %q (and not known: %q), not %q", got, all.Unknown, want)
		}
		return nil
	}
}

// add asks somebody to become a friend.
func add(who string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		_, err := d.People.Add(ctx, who)
		return about("add "+who, err)
	}
}

func accept(who string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		_, err := d.People.Accept(ctx, who)
		return about("accept "+who, err)
	}
}

// ends ends what there is with somebody: see people.People.End.
func ends(who string, as people.State) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		_, err := d.People.End(ctx, who, as)
		return about(string(as)+" "+who, err)
	}
}

// knows expects the names of all whom the user has met, with their states.
func knows(want ...string) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		all, err := d.People.Friends(ctx)
		if err != nil {
			return err
		}
		var got []string
		for _, f := range all {
			got = append(got, f.Name+" "+string(f.State))
		}
		if !slices.Equal(got, want) {
			return fmt.Errorf("knows %q, not %q", got, want)
		}
		return nil
	}
}

// link makes a link, which the story calls by a name from then on.
func link(name, folder, password string, expires time.Duration) Act {
	return func(ctx context.Context, w *World, d *device) error {
		l, err := d.People.CreateLink(ctx, folder, people.LinkOptions{Password: password, Expires: expires})
		w.links[name] = l.URL
		return about("make a link to "+folder, err)
	}
}

// opens opens a link, which must appear at a path.
func opens(name, password, at string) Act {
	return func(ctx context.Context, w *World, d *device) error {
		got, err := d.People.OpenLink(ctx, w.links[name], password)
		if err == nil && got != at {
			err = fmt.Errorf("it appears as %s, not %s", got, at)
		}
		return about("open the link "+name, err)
	}
}

// revokes ends a link.
func revokes(name string) Act {
	return func(ctx context.Context, w *World, d *device) error {
		return about("revoke the link "+name, d.People.RevokeLink(ctx, w.links[name]))
	}
}

// counts expects a number of entries in a folder.
func counts(name string, want int) Act {
	return func(ctx context.Context, _ *World, d *device) error {
		got, err := d.List(ctx, name)
		if err == nil && len(got) != want {
			err = fmt.Errorf("%q, not %d", got, want)
		}
		return about("list "+name, err)
	}
}

// past returns where a path lay in the oldest kept state that has it.
func past(ctx context.Context, d *device, name string) (string, error) {
	states, err := d.List(ctx, "/history")
	if err != nil {
		return "", err
	}
	for _, state := range states {
		at := "/history/" + state + name
		names, err := d.List(ctx, path.Dir(at))
		if err == nil && slices.ContainsFunc(names, func(s string) bool { return strings.TrimSuffix(s, "/") == path.Base(at) }) {
			return at, nil
		}
	}
	return "", fmt.Errorf("no earlier state of %q has %s: %w", states, name, vfs.ErrNotExist)
}

// remembers expects that the oldest state of the history that has a file has it with these contents.
func remembers(name, want string) Act {
	return func(ctx context.Context, w *World, d *device) error {
		at, err := past(ctx, d, name)
		if err != nil {
			return err
		}
		return reads(at, want)(ctx, w, d)
	}
}

// restores brings a folder back from the history.
func restores(name, to string) Act {
	return func(ctx context.Context, w *World, d *device) error {
		at, err := past(ctx, d, name)
		if err != nil {
			return err
		}
		return copies(at, to)(ctx, w, d)
	}
}
