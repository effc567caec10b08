package page

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"time"

	"postern/vfs"
	"postern/vfs/layout"
)

// People shows what the account shares with others, and changes it. An error of type *Refusal is shown as it is.
type People interface {
	// Circle returns the account as others see it, and everybody whom it has met, after a look at the inbox.
	Circle(ctx context.Context) (Circle, error)
	// Shared returns what the account shares, and what others share with it.
	Shared(ctx context.Context) (Shared, error)
	// Changes returns the newest changes of a file or folder that several people may write, the newest first.
	Changes(ctx context.Context, path string) ([]Change, error)
	// Do makes a change. It returns the path of the drive to show then; "" for the page of the form.
	Do(ctx context.Context, w Wish) (path string, err error)
}

// Refusal is an error with a sentence for the user.
type Refusal struct {
	Why  string
	Away bool // the storage can't be reached
}

// Error implements error.
func (r *Refusal) Error() string { return r.Why }

// Circle is an account and the people whom it has met.
type Circle struct {
	Name        string // claimed at the storage; "": none
	Fingerprint string
	Card        string // for people who can't find the account by its name
	People      []Person
}

// Person is somebody whom the account has met.
type Person struct {
	Name        string // unique; of a friend, the folder below /shared
	Called      string // by themselves
	State       string // one of the State values, or another word
	Fingerprint string
	Changed     bool // the name belongs to another key now
}

// The states that the page treats each in its own way.
const (
	StateAsks   = "asks"
	StateAsked  = "asked"
	StateFriend = "friend"
)

// Shared is what an account shares, and what others share with it.
type Shared struct {
	Mine    []Share
	Theirs  []Offer
	Links   []Link
	Groups  []string // that one can share with
	Unknown []string // friends whose offers can't be read now
}

// Share is a file or folder that the account shares.
type Share struct {
	Path string
	With []Grant
}

// Grant is what somebody, or a group, may do with what is shared.
type Grant struct {
	To      string
	Group   bool
	Write   bool
	Waiting bool // to has not agreed to be a friend yet
}

// Offer is a file or folder that somebody else shares with the account.
type Offer struct {
	Path  string
	Owner string
	Write bool
}

// Link is a secret link that the account has made.
type Link struct {
	ID, Path, URL string
	Password      bool
	Expires       time.Time // zero: never
}

// Change is a change of something that several people may write.
type Change struct {
	At     time.Time
	By     string // who made it; empty: unknown
	Mine   bool   // the account itself made it
	Gone   bool   // it was removed
	Folder bool
	Size   int64
}

// The pages about people, each the query of an address.
const (
	queryFriends = "friends" // of /shared: who one shares with
	queryShares  = "shares"  // of /shared: what is shared, both ways
	queryShare   = "share"   // of a file or folder: with whom it is shared
)

// pageOfPeople returns which of the pages about people a request wants; "" for none.
func pageOfPeople(r *http.Request, path string) string {
	if r.URL.RawQuery == "" {
		return ""
	}
	q := r.URL.Query()
	if path == layout.Shared {
		for _, name := range []string{queryFriends, queryShares} {
			if q.Has(name) {
				return name
			}
		}
		return ""
	}
	if within, ok := layout.CutFiles(path); ok && within != "" && q.Has(queryShare) {
		return queryShare
	}
	return ""
}

// WantsPeople reports whether a GET asks for one of the pages about people.
func (p *Pages) WantsPeople(r *http.Request, path string) bool {
	return p.o.People != nil && pageOfPeople(r, path) != ""
}

// social is the data of the pages about people.
type social struct {
	common
	Circle
	Shared
	Folder bool
	Self   template.URL // the file or folder itself
	With   []Grant      // of the page's own folder
	Months []span       // how long a link may last
}

// span is a choice of how long a link lasts.
type span struct{ Value, Name string }

// In returns the people in a state.
func (s social) In(state string) (all []Person) {
	for _, p := range s.People {
		if p.State == state {
			all = append(all, p)
		}
	}
	return all
}

// Others returns the people with whom nothing goes on.
func (s social) Others() (all []Person) {
	for _, p := range s.People {
		if !slices.Contains([]string{StateAsks, StateAsked, StateFriend}, p.State) {
			all = append(all, p)
		}
	}
	return all
}

// MayGet returns the people whom something can be shared with.
func (s social) MayGet() []Person { return append(s.In(StateFriend), s.In(StateAsked)...) }

// People shows one of the pages about people. If it returns an error, it has sent nothing.
func (p *Pages) People(w http.ResponseWriter, r *http.Request, path string, info vfs.Info) error {
	c, err := p.common(path, info)
	if err != nil {
		return err
	}
	c.Whole, c.Then = true, nil
	s := social{common: c, Folder: info.Folder, Self: href(path, info.Folder), Months: []span{{"", "never"},
		{"24h", "after a day"}, {"168h", "after 7 days"}, {"720h", "after 30 days"}}}
	name := pageOfPeople(r, path)
	if !info.Folder {
		s.Self += "?" + queryView
	}
	if name != queryShares {
		if s.Circle, err = p.o.People.Circle(r.Context()); err != nil {
			return err
		}
	}
	if name != queryFriends {
		if s.Shared, err = p.o.People.Shared(r.Context()); err != nil {
			return err
		}
	}
	switch name {
	case queryFriends:
		s.Title = "Friends"
	case queryShares:
		s.Title = "Shared files and folders"
	case queryShare:
		s.Title = "Share " + s.Title
		s.only(path)
	}
	return p.write(w, r, name, c, s)
}

// only leaves what is about one path.
func (s *social) only(path string) {
	for _, sh := range s.Mine {
		if sh.Path == path {
			s.With = append(s.With, sh.With...)
		}
	}
	s.Links = slices.DeleteFunc(slices.Clone(s.Links), func(l Link) bool { return l.Path != path })
}
