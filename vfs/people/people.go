// Package people is what a user shares with others: friends, shared folders and secret links.
//
// The wishes of the user are records of the account's private state (package registry), so all devices of the account
// have them. A reconciler makes the spaces at the store equal to the records. It repeats what failed or was cut off, so
// every step may be made twice.
//
// Friends meet by sealed letters (package meet). From then on each keeps a pair space for the other: a small space
// that only the other can read. It holds a mount for each folder that is shared. SHARING.md says what users see, and
// why.
package people

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote"
	"postern/vfs"
	"postern/vfs/meet"
	"postern/vfs/namespace"
	"postern/vfs/space"
)

// Options of New. All but those marked otherwise are needed.
type Options struct {
	Account crypto.AccountSecret
	User    string // the account's name, as friends see it
	Device  space.Device
	Own     *space.Space     // the account's own space
	Drive   *namespace.Drive // shows what friends share
	Store   remote.Store     // where the account lives, as Own uses it
	URL     string           // of that store, for cards; "": friends can't know one
	// LinkPage is the address of the server of the page that opens links; "": links lead to no page.
	LinkPage string
	Seen     meet.Seen // the letters that were handled
	Cover    bool      // fetch the small blobs of all accounts, so that the store does not see which ones are wanted

	Every time.Duration // between two looks at the inbox; 0: Every
	Now   func() time.Time
	Rand  io.Reader
	Log   *slog.Logger
}

// Every is the time between two looks at the inbox. Each takes the place of a request for moved pointers, so it costs
// an idle gateway no request more.
const Every = 5 * time.Minute

// soon is the time between two looks for the time of hoping after a request, and until the first try after a failure.
const (
	soon   = 30 * time.Second
	hoping = 10 * time.Minute
)

// People manages what an account shares. Its methods may be called by several goroutines at once.
type People struct {
	o       Options
	desk    *meet.Desk
	since   time.Time // when the manager was made
	opens   *openSpaces
	retired *retiredSpaces
	derived derived

	uncover func() // ends cover; nil: there is none

	making sync.Mutex                     // held during a change of records or spaces, so that there is one at a time
	lost   map[crypto.PointerID]time.Time // since when shared folders are mounted nowhere; guarded by making

	kick  chan struct{}
	stop  context.CancelFunc
	ended chan struct{}

	mu       sync.Mutex
	mounted  map[string]shownFriend // by folder below /shared
	opened   map[string]openLink    // links of others, by name
	hasLinks bool                   // the folder of links is mounted
	trouble  error                  // of the last round
	failed   int                    // rounds that have failed one after the other
	report   meet.Report            // of the last look at the inbox
	counts   Status                 // its figures since the start
	renamed  string                 // the name of this device, if it was renamed since the start
	moves    [][2]string            // of folders of the drive, which the records lack
	carried  []carried              // edited folders, which the records lack

	movedLinks linkIDs // links of others that may lead somewhere else now
}

// New returns the manager of an account's people, and shows what friends share. It makes no request until Start.
func New(o Options) (*People, error) {
	o.Every = cmp.Or(o.Every, Every)
	p := &People{o: o, kick: make(chan struct{}, 1), lost: map[crypto.PointerID]time.Time{},
		mounted: map[string]shownFriend{}, opened: map[string]openLink{}, since: o.Now()}
	p.desk = meet.New(p.meeting())
	p.opens, p.retired = newOpenSpaces(p), newRetiredSpaces()
	if o.Cover {
		p.cover()
	}
	return p, p.show()
}

// meeting returns the options of the desk.
func (p *People) meeting() meet.Options {
	roles := p.o.Store.Roles()
	return meet.Options{Account: p.o.Account, Names: roles.Names, Inbox: roles.Inbox, Seen: p.o.Seen, Now: p.o.Now,
		Rand: p.o.Rand, Log: p.o.Log, Blocked: p.blocked}
}

// Start starts the reconciler. Close ends it.
func (p *People) Start() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.ended = stop, make(chan struct{})
	go p.run(ctx)
}

// Close ends the reconciler and closes the spaces of others, and those of shared folders.
func (p *People) Close() error {
	if p.stop != nil {
		p.stop()
		<-p.ended
	}
	if p.uncover != nil {
		p.uncover()
	}
	p.closeLinks()
	p.retired.close()
	return p.opens.close()
}

// Changed tells the reconciler that the records may have changed. It returns at once.
func (p *People) Changed() {
	select {
	case p.kick <- struct{}{}:
	default:
	}
}

// run reconciles when the records have changed. Now and then it also looks for letters.
func (p *People) run(ctx context.Context) {
	defer close(p.ended)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var turn <-chan struct{}
	letters := true
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.kick:
		case <-timer.C:
			if !letters && !p.expecting() {
				turn = p.o.Own.Home().Poller().Turn()
				continue
			}
			letters = true
		case <-turn:
			turn, letters = nil, true
		}
		p.round(ctx, letters)
		if letters {
			letters = false
			timer.Reset(p.pause())
		}
	}
}

// pause is the time until the next look for letters, which also repeats what has failed.
func (p *People) pause() time.Duration {
	p.mu.Lock()
	failed := p.failed
	p.mu.Unlock()
	switch {
	case p.expecting():
		return min(soon, p.o.Every)
	case failed > 0:
		return min(soon<<min(failed-1, 4), p.o.Every)
	}
	return p.o.Every
}

// round does once everything that the reconciler does, and looks for letters if it is time.
func (p *People) round(ctx context.Context, letters bool) {
	ctx, cancel := context.WithTimeout(ctx, remote.Shipped.Work)
	defer cancel()
	p.making.Lock()
	defer p.making.Unlock()
	var err error
	if letters {
		err = p.readLetters(ctx)
	}
	err = errors.Join(err, p.reconcile(ctx), p.show())
	if ctx.Err() != nil && err != nil && p.trouble == nil {
		p.o.Log.Debug("the reconciler was cut off", "error", err)
	} else if err != nil {
		p.o.Log.Info("what is shared is not up to date yet; this is tried again", "error", err)
	}
	p.mu.Lock()
	p.counts.Rounds++
	if p.trouble = err; err == nil {
		p.failed = 0
	} else {
		p.failed++
		p.counts.Failures++
	}
	p.mu.Unlock()
}

// Sync reconciles now, for commands that want to return when what they did is at the store.
func (p *People) Sync(ctx context.Context) error {
	p.making.Lock()
	defer p.making.Unlock()
	return errors.Join(p.reconcile(ctx), p.show())
}

// blocked reports whether letters of somebody are dropped.
func (p *People) blocked(author crypto.AuthorID) bool {
	r, _ := p.o.Own.Private().Get(kindFriend, author.String())
	return State(r.Get(fieldState)) == Blocked
}

// Error is a refusal with a sentence for the user. Its text says what to do.
type Error struct{ Why string }

// Error implements error.
func (e *Error) Error() string { return e.Why }

// refuse returns an Error.
func refuse(format string, args ...any) error { return &Error{fmt.Sprintf(format, args...)} }

// offline turns an unreachable store into a refusal.
func offline(what string, err error) error {
	if errors.Is(err, remote.ErrUnavailable) || errors.Is(err, vfs.ErrUnavailable) {
		return fmt.Errorf("%s: the storage can't be reached: %w", what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
