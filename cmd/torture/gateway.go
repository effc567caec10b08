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
	"os"
	"path/filepath"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/reach"
	"postern/crypto"
	"postern/remote"
)

// The user of the drives. They listen on the loopback only, and only during a run.
const (
	davUser     = "torture"
	davPassword = "torture"
)

// grace is longer than a gateway is away in any phase: if a gateway was away for longer, data that it copied and others
// deleted may be lost, and the gateway reports that.
const grace = 20 * time.Second

// pollEvery is the interval at which a gateway looks for commits of the other.
const pollEvery = 60 * time.Millisecond

// waits are a small fraction of the usual deadlines, so that minutes exercise what otherwise takes days.
var waits = remote.Deadlines{
	Attempts: 3,
	Pause:    2 * time.Millisecond,
	MaxPause: 30 * time.Millisecond,
	Reply:    2 * time.Second,
	Suspect:  300 * time.Millisecond,
	Trial:    200 * time.Millisecond,
	Every:    40 * time.Millisecond,
	Look:     200 * time.Millisecond,
	Commit:   10 * time.Millisecond,
	Poll:     pollEvery,
	Answer:   300 * time.Millisecond,
	Flush:    500 * time.Millisecond,
}

// setup has the parameters of a gateway: one line of JSON on its standard input.
type setup struct {
	Home    string
	Remote  string // its URL
	Account string // the secret in hex
	Device  int
	Limit   int64 // bytes of staging; 0: the default
	Cache   bool  // on disk, kept across restarts
	Collect bool  // keep little history, and delete garbage soon
	Through bool  // answer changes once they are at the remote
	Faults  faults
}

// order is a line with one order for a running gateway; exactly one of its fields is set.
type order struct {
	Faults *faults
	Flush  time.Duration // upload everything within this time
	Stop   bool          // stop in an orderly way
	Pin    string        // a path to pin
	// Collect deletes garbage, Fsck checks every byte at the remote; both within a time.
	Collect, Fsck time.Duration
}

// answer is the answering line: at the start the address, later the result of an order.
type answer struct {
	Addr    string
	Err     string
	Done    int64  // of Collect: blobs deleted
	Faults  uint64 // faults of this process so far
	Commits uint64 // landed commits
}

// served is the child's side: the shipped gateway over a remote that fails on purpose.
type served struct {
	remote   *sabotaged
	address  string // host:port
	commands *control.Client
	stop     context.CancelFunc
	ended    chan error
}

// serveGateway runs a child until an order to stop, the end of its input (its parent is dead), or a kill.
func serveGateway(in io.Reader, out io.Writer) error {
	lines := bufio.NewReader(in)
	answers := json.NewEncoder(out)
	var s setup
	if err := readLine(lines, &s); err != nil {
		return err
	}
	g, err := serve(s)
	if err != nil {
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
		if err := answers.Encode(g.execute(o)); err != nil || o.Stop {
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

// serve starts the gateway and returns once it answers.
func serve(s setup) (*served, error) {
	var secret crypto.AccountSecret
	if _, err := hex.Decode(secret[:], []byte(s.Account)); err != nil {
		return nil, err
	}
	g := &served{remote: newSabotaged(s.Faults), ended: make(chan error, 1)}
	h := home.Home(s.Home)
	to, err := g.remote.drivers().Parse(s.Remote, h)
	if err != nil {
		return nil, err
	}
	settings := home.Defaults()
	settings.Addr, settings.GC.Auto = "127.0.0.1:0", home.SwitchOff
	settings.Cache = home.CacheSettings{Memory: 8 << 20}
	if s.Cache {
		settings.Cache.Disk = 256 << 20
	}
	if s.Limit > 0 {
		settings.Staging.Limit = home.Size(s.Limit)
	}
	if s.Through {
		settings.Sync = home.SyncThrough
	}
	if s.Collect {
		settings.GC.Grace = home.Span(grace)
		settings.History = home.HistorySettings{All: home.Span(grace), Hourly: home.Span(2 * grace),
			Daily: home.Span(3 * grace)}
	}
	ctx, stop := context.WithCancel(context.Background())
	g.stop, g.commands = stop, control.NewClient(h.Socket())
	up := make(chan string, 1)
	go func() {
		g.ended <- gateway.Serve(ctx, gateway.Options{
			Home: h, To: to, Settings: settings, Version: "torture", Waits: waits, Now: g.remote.now,
			Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
			Account: func(context.Context, *gateway.Session) (home.Account, error) {
				return accountOf(secret, s.Device), nil
			},
			Password: func() (string, string, error) { return davPassword, "$NONE", nil },
			Welcome:  func(help reach.HowTo) { up <- help.URL.Host },
		})
	}()
	select {
	case g.address = <-up:
		return g, nil
	case err := <-g.ended:
		stop()
		return nil, fmt.Errorf("the gateway does not serve: %w", err)
	}
}

// accountOf returns the account of one device.
func accountOf(secret crypto.AccountSecret, device int) home.Account {
	return home.Account{User: davUser, Secret: secret, Device: home.DeviceID{byte(device + 1)},
		DeviceName: deviceName(device)}
}

func deviceName(device int) string { return fmt.Sprintf("gateway%d", device) }

// execute carries out an order.
func (g *served) execute(o order) answer {
	done, err := g.carryOut(o)
	a := answer{Done: done, Faults: g.remote.made.Load()}
	if err != nil {
		a.Err = err.Error()
	}
	if !o.Stop {
		if status, err := g.commands.Status(context.Background()); err == nil {
			a.Commits = status.Commit.Landed
		}
	}
	return a
}

func (g *served) carryOut(o order) (done int64, err error) {
	ctx := context.Background()
	if limit := max(o.Flush, o.Collect, o.Fsck); limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	switch {
	case o.Faults != nil:
		g.remote.set(*o.Faults)
	case o.Flush > 0:
		return 0, g.commands.Flush(ctx)
	case o.Pin != "":
		_, err := g.commands.Pin(ctx, o.Pin, control.Quiet)
		return 0, err
	case o.Collect > 0:
		r, err := g.commands.Collect(ctx, control.CollectOrder{}, control.Quiet)
		return r.Deleted.Blobs, err
	case o.Fsck > 0:
		r, err := g.commands.Check(ctx, control.CheckOrder{ReadData: true}, control.Quiet)
		if err == nil && !r.Clean() {
			err = fmt.Errorf("fsck finds damage: %+v, unchecked %q", r.Damage, r.Unchecked)
		}
		return 0, err
	case o.Stop:
		g.stop()
		return 0, <-g.ended
	}
	return 0, nil
}

// found creates the account's drive, at the URL of a remote, before any gateway starts.
func found(ctx context.Context, dir, url string, secret crypto.AccountSecret, random io.Reader) (err error) {
	h := home.Home(filepath.Join(dir, "founder"))
	to, err := gateway.Shipped().Parse(url, h)
	if err != nil {
		return err
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: h, To: to, Founding: true})
	if err != nil {
		return err
	}
	return errors.Join(gateway.BeginDrive(ctx, s, accountOf(secret, 98), "", random), s.Close())
}

// homeOf returns the folder of a gateway.
func homeOf(dir string, device int) string { return filepath.Join(dir, deviceName(device)) }
