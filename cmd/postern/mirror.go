package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/remote"
	"postern/remote/mirror"
	"postern/remote/retry"
)

// mirrorScheme begins the URL of several remotes as one: "mirror:disk:/a,disk:/b". The first leads: what is not there is not written.
const mirrorScheme = "mirror"

// opener is target.open or target.openLate.
type opener func(to target, ctx context.Context, founding bool, log *slog.Logger) (remote.Store, error)

// copies are the remotes of a mirror.
type copies struct {
	members []target
	opened  atomic.Pointer[mirror.Store] // the newest; nil: none yet
}

// parseMirror parses the URLs after the scheme. A comma belongs to a path unless a kind of remote follows it.
func parseMirror(d driver, rest string, h home.Home) (target, error) {
	var urls []string
	for _, part := range strings.Split(rest, ",") {
		scheme, _, ok := strings.Cut(part, ":")
		if len(urls) == 0 || ok && known(scheme) {
			urls = append(urls, part)
		} else {
			urls[len(urls)-1] += "," + part
		}
	}
	t := target{driver: d, local: true, mirror: &copies{}}
	seen := map[string]bool{}
	for _, url := range urls {
		if url == "" {
			return target{}, usagef("a mirror needs two remotes or more, as in mirror:disk:/mnt/a,disk:/mnt/b")
		}
		m, err := parseRemote(url, h)
		switch {
		case err != nil:
			return target{}, err
		case m.mirror != nil:
			return target{}, usagef("a mirror holds no mirrors: name all its remotes in one list")
		case m.driver.volatile:
			return target{}, usagef("the remote %s ends with the process and can't be part of a mirror", m)
		case seen[m.String()]:
			return target{}, usagef("the remote %s is in the mirror twice: a copy at the same place is none", m)
		}
		seen[m.String()] = true
		t.local = t.local && m.local
		t.mirror.members = append(t.mirror.members, m)
	}
	if len(t.mirror.members) < 2 {
		return target{}, usagef("a mirror needs two remotes or more, as in mirror:disk:/mnt/a,disk:/mnt/b")
	}
	names := make([]string, len(t.mirror.members))
	for i, m := range t.mirror.members {
		names[i] = m.String()
	}
	t.rest = strings.Join(names, ",")
	return t, nil
}

func known(scheme string) bool {
	for _, d := range drivers {
		if d.scheme == scheme {
			return true
		}
	}
	return false
}

// open opens the first remote by first, and the others when they are needed: a stick that isn't plugged in is no reason not to start. Each has
// its own retries, so that the mirror hears of what fails for good.
func (c *copies) open(ctx context.Context, founding bool, first opener, log *slog.Logger) (_ remote.Store, err error) {
	var members []mirror.Member
	defer func() {
		if err != nil {
			for _, m := range members {
				err = errors.Join(err, m.Store.Close())
			}
		}
	}()
	for i, to := range c.members {
		open := opener(target.openLate)
		if i == 0 {
			open = first
		}
		store, err := open(to, ctx, founding, log)
		if err != nil {
			return nil, err
		}
		members = append(members, mirror.Member{Name: to.String(), Store: retry.New(store, retry.Options{Log: log})})
	}
	all, err := mirror.New(members, mirror.Options{Log: log})
	if err != nil {
		return nil, err
	}
	c.opened.Store(all)
	return all, nil
}

// status tells how the remotes of a mirror stand; nothing of one that isn't one.
func (c *copies) status() (all []control.Copy) {
	if c == nil || c.opened.Load() == nil {
		return nil
	}
	for _, s := range c.opened.Load().Status() {
		copied := control.Copy{Remote: s.Name, Leads: s.Authority, Up: s.Up, Lagging: s.Lagging, Missing: int64(s.Missing)}
		if s.Err != nil {
			copied.Trouble = s.Err.Error()
		}
		all = append(all, copied)
	}
	return all
}
