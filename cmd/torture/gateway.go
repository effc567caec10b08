package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"postern/cache"
	"postern/cmd/postern/home"
	"postern/crypto"
	"postern/dav"
	"postern/dav/auth"
	"postern/remote/disk"
	"postern/remote/faulty"
	"postern/remote/retry"
	"postern/remote/verify"
	"postern/vfs"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/namespace"
	"postern/vfs/object"
	"postern/vfs/space"
)

// The user of the drives. They listen on the loopback only, for as long as a run lasts.
const (
	davUser     = "torture"
	davPassword = "torture"
)

// The waiting times of a gateway under torture are a small part of the usual ones, so that minutes show what else takes days.
const (
	commitDelay = 10 * time.Millisecond
	pollEvery   = 60 * time.Millisecond
	patience    = 300 * time.Millisecond
	tryDelay    = 2 * time.Millisecond
	tryMaxDelay = 30 * time.Millisecond
	tryReply    = 400 * time.Millisecond
	tryTransfer = 2 * time.Second
	tries       = 3
	// grace is longer than any phase takes a gateway away: what one that was away for longer had copied of what others deleted may be
	// lost, and is said to be.
	grace = 20 * time.Second
)

// setup is what a gateway is started with: one line of JSON on its standard input.
type setup struct {
	Home    string
	Remote  string
	Account string // the secret, in hex
	Device  int
	Limit   int64 // bytes of staging; 0: the default
	Cache   bool  // on disk, over restarts
	Collect bool  // little history is kept, and what nobody needs is deleted soon
	Faults  faults
}

// faults are what goes wrong at a gateway from now on.
type faults struct {
	Seed  uint64
	Fail  float64 // the rates are fractions of all calls of the remote
	Lose  float64
	Cut   float64
	Delay float64
	Full  float64
	Away  bool          // nothing is answered with success
	Hole  bool          // while away: nothing is answered at all
	Sleep time.Duration // of a delay
	Clock time.Duration // what the gateway's clock is off by
}

func (f faults) plan() faulty.Plan {
	switch {
	case f.Away && f.Hole:
		return faulty.Always(faulty.Hang)
	case f.Away:
		return faulty.Always(faulty.Fail)
	}
	return faulty.Random(f.Seed, faulty.Rates{faulty.Fail: f.Fail, faulty.Lose: f.Lose, faulty.Cut: f.Cut, faulty.Delay: f.Delay, faulty.Full: f.Full})
}

// order is a line that tells a running gateway what to do; just one of its fields is set.
type order struct {
	Faults *faults
	Flush  time.Duration // bring everything to the remote, within this time
	Stop   bool          // end in an orderly way
	// Collect deletes garbage, Fsck looks at every byte at the remote; both within a time.
	Collect, Fsck time.Duration
}

// answer is the line that comes back: at the start the address, later what became of an order.
type answer struct {
	Addr   string
	Err    string
	Done   int64  // of Collect: blobs deleted
	Faults uint64 // made to happen by this process so far
	Status space.Status
}

// gateway is the child's side: the real packages, wired as the program wires them, over a remote that fails on purpose.
type gateway struct {
	clock   atomic.Int64 // what the clock is off by, in nanoseconds
	made    atomic.Uint64
	faulty  *faulty.Store
	space   *space.Space
	state   *home.State
	cache   *cache.Cache
	server  *http.Server
	address string
}

// serveGateway is the whole life of a child. It ends by an order, by the end of its input (then its parent is dead), or by a kill.
func serveGateway(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	answers := json.NewEncoder(out)
	var s setup
	if err := readLine(lines, &s); err != nil {
		return err
	}
	g := &gateway{}
	if err := g.open(s); err != nil {
		return errors.Join(err, answers.Encode(answer{Err: err.Error()}))
	}
	if err := answers.Encode(answer{Addr: g.address}); err != nil {
		return err
	}
	for {
		var o order
		if err := readLine(lines, &o); err != nil {
			return err
		}
		var a answer
		var err error
		if a.Done, err = g.carryOut(o); err != nil {
			a.Err = err.Error()
		}
		a.Faults = g.made.Load()
		if !o.Stop {
			a.Status = g.space.Status()
		}
		if err := answers.Encode(a); err != nil || o.Stop {
			return err
		}
	}
}

func readLine(r *bufio.Reader, into any) error {
	line, err := r.ReadBytes('\n')
	if err != nil {
		return err
	}
	return json.Unmarshal(line, into)
}

func (g *gateway) open(s setup) error {
	ctx := context.Background()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var account crypto.AccountSecret
	if _, err := hex.Decode(account[:], []byte(s.Account)); err != nil {
		return err
	}
	at := home.Home(s.Home)
	if err := at.Make(); err != nil {
		return err
	}
	var err error
	if g.state, err = at.OpenState(); err != nil {
		return err
	}
	d, err := disk.Open(s.Remote, disk.Options{Log: log})
	if err != nil {
		return err
	}
	g.faulty = faulty.New(d, nil, faulty.Options{Delay: s.Faults.Sleep})
	g.set(s.Faults)
	tried := retry.New(g.faulty, retry.Options{Attempts: tries, Delay: tryDelay, MaxDelay: tryMaxDelay, Reply: tryReply, Transfer: tryTransfer})
	o := cache.Options{Memory: 8 << 20, Log: log}
	if s.Cache {
		o.Dir, o.Disk = at.Cache(), 256<<20
	}
	if g.cache, err = cache.New(verify.New(tried, g.state.Pins()), o); err != nil {
		return err
	}
	options := space.Options{
		Store: g.cache, Account: account, Dir: s.Home, Device: space.Device{ID: object.DeviceID{byte(s.Device + 1)}, Name: deviceName(s.Device)},
		StagingLimit: s.Limit, CommitDelay: commitDelay, PollInterval: pollEvery, Log: log, Now: g.now,
	}
	if s.Collect {
		options.Grace, options.Keep = grace, space.Keep{All: grace, Hourly: 2 * grace, Daily: 3 * grace}
	}
	if g.space, err = space.Open(ctx, options); err != nil {
		return err
	}
	return g.listen(log)
}

func deviceName(device int) string { return fmt.Sprintf("gateway%d", device) }

func (g *gateway) now() time.Time { return time.Now().Add(time.Duration(g.clock.Load())) }

func (g *gateway) listen(log *slog.Logger) error {
	drive := namespace.New(time.Unix(0, 0), map[string]vfs.FS{"files": g.space, "history": g.space.History()})
	handler, err := dav.New(drive, dav.Options{Log: log, Locks: g.state.Locks(), Patience: patience, Guard: -1})
	if err != nil {
		return err
	}
	guard, err := auth.New(auth.Options{User: davUser, Password: davPassword, Log: log})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	g.address = listener.Addr().String()
	g.server = &http.Server{Handler: guard(handler), ReadHeaderTimeout: time.Minute}
	go func() {
		if err := g.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the server ended", "error", err)
		}
	}()
	return nil
}

// set makes faults happen from now on, and counts those that do.
func (g *gateway) set(f faults) {
	g.clock.Store(int64(f.Clock))
	plan := f.plan()
	g.faulty.SetPlan(func(c faulty.Call) faulty.Fault {
		fault := plan(c)
		if fault != faulty.Fine {
			g.made.Add(1)
		}
		return fault
	})
}

func (g *gateway) carryOut(o order) (done int64, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), max(o.Flush, o.Collect, o.Fsck))
	defer cancel()
	switch {
	case o.Faults != nil:
		g.set(*o.Faults)
	case o.Flush > 0:
		return 0, g.space.Flush(ctx)
	case o.Collect > 0:
		r, err := g.space.Collect(ctx, gc.Options{})
		return r.Deleted.Blobs, err
	case o.Fsck > 0:
		r, err := g.space.Fsck(ctx, fsck.Options{ReadData: true})
		if err == nil && !r.Clean() {
			err = fmt.Errorf("fsck finds damage: %+v, unchecked %q", r.Damage, r.Unchecked)
		}
		return 0, err
	case o.Stop:
		return 0, g.close()
	}
	return 0, nil
}

func (g *gateway) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return errors.Join(g.server.Shutdown(ctx), g.space.Close(), g.cache.Close(), g.state.Close())
}

// found is what is expected to make the account's drive, before any gateway starts.
func found(ctx context.Context, remote string, account crypto.AccountSecret, random io.Reader) error {
	d, err := disk.Open(remote, disk.Options{})
	if err != nil {
		return err
	}
	err = space.Create(ctx, verify.New(d, &verify.MemoryPins{}), account, space.Device{ID: object.DeviceID{99}, Name: "founder"}, random, time.Now())
	return errors.Join(err, d.Close())
}

// homeOf is the folder of a gateway.
func homeOf(dir string, device int) string { return filepath.Join(dir, deviceName(device)) }
