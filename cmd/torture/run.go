package main

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"postern/crypto"
)

// options are the parameters of a run.
type options struct {
	seed     uint64
	ops      int           // operations at least; 0: no limit
	duration time.Duration // at most, up to the end of a phase; 0: no limit
	workers  int           // of each gateway
	dir      string        // parent of the folders of gateways and remote
	remote   string        // the URL of a remote that is made; empty: a folder
	out      io.Writer
}

// linger is how long a fetch that began before the remote became unreachable may still deliver data.
const linger = 3 * time.Second

// run is the state of a run with two gateways.
type run struct {
	options
	record  *record
	shared  *shared
	childs  [gateways]*child
	workers [gateways][]*worker
}

// torture does a whole run. An error is a failure of the drive, or of the run to exercise it.
func torture(o options) (*record, error) {
	r := &run{options: o, record: newRecord(), shared: newShared()}
	defer r.killAll()
	err := watched(r, stallLimit)
	return r.record, err
}

// torture does the phases of a run.
func (r *run) torture() error {
	if err := r.begin(); err != nil {
		return err
	}
	for n := 0; ; n++ {
		p := phaseOf(r.seed, n, r.options.workers)
		if err := r.phase(n, p); err != nil {
			return fmt.Errorf("phase %d (%s): %w", n, p.name, err)
		}
		enough := r.ops > 0 && r.record.counts.Operations.Load() >= int64(r.ops) ||
			r.duration > 0 && time.Since(r.record.begun) >= r.duration
		if enough || p.check {
			if err := r.converge(enough); err != nil {
				return fmt.Errorf("after phase %d (%s): %w", n, p.name, err)
			}
		}
		memory := r.memory()
		r.record.counts.Memory.Store(max(r.record.counts.Memory.Load(), memory))
		_,
			_ = fmt.Fprintf(r.out,
			"seed %d, phase %d (%s), %v: %d operations, %d kills, %d claims, %d possible states, %d MiB\n", r.seed, n, p.name,
			time.Since(r.record.begun).Round(time.Second), r.record.counts.Operations.Load(), r.record.counts.Kills.Load(),
			r.shared.size(), r.states(), memory>>20)
		if memory > memoryLimit {
			return fmt.Errorf("after phase %d (%s): the run and its gateways take %d MiB of memory, more than %d", n, p.name,
				memory>>20, memoryLimit>>20)
		}
		if enough {
			break
		}
	}
	for _, c := range r.childs {
		if err := c.stop(); err != nil {
			return fmt.Errorf("the last stop: %w", err)
		}
	}
	return r.record.exercised(through(r.seed))
}

// states returns the number of possible states over all folders with one writer.
func (r *run) states() (n int) {
	for _, workers := range r.workers {
		for _, w := range workers {
			n += len(w.own.states)
		}
	}
	return n
}

// begin creates the account's drive, starts the gateways and makes each worker's folders.
func (r *run) begin() error {
	random := rand.NewChaCha8(seedBytes(r.seed))
	account, err := crypto.Random[crypto.AccountSecret](random)
	if err != nil {
		return err
	}
	url := cmp.Or(r.remote, "disk:"+filepath.Join(r.dir, "remote"))
	if err := found(context.Background(), r.dir, url, account, random); err != nil {
		return err
	}
	for g := range gateways {
		r.childs[g] = newChild(setup{Home: homeOf(r.dir, g), Remote: url, Account: hex.EncodeToString(account[:]),
			Device: g, Cache: r.seed%3 != 0,
			Collect: collects(r.seed), Through: through(r.seed)}, r.dir, &r.record.pulse)
		if err := r.childs[g].start(); err != nil {
			return err
		}
		r.shared.setOnline(g, true, time.Now())
		for n := range r.options.workers {
			w := &worker{gateway: g, number: n, client: newClient(r.childs[g]), record: r.record, shared: r.shared,
				own: newOwned(ownRoot(g, n))}
			r.workers[g] = append(r.workers[g], w)
			if err := w.must("MKCOL", w.own.root); err != nil {
				return err
			}
		}
	}
	if err := r.workers[0][0].must("MKCOL", sharedRoot); err != nil {
		return err
	}
	if _, err := r.waitAlike(); err != nil {
		return err
	}
	_, err = r.childs[1].call(order{Pin: sharedRoot}) // one gateway reads much from pinned blobs
	return err
}

func seedBytes(seed uint64) (b [32]byte) {
	copy(b[:], fmt.Sprintf("postern torture %d", seed))
	return b
}

// must sends a request that must succeed.
func (w *worker) must(method, path string) error {
	rep, err := w.client.do(method, path, nil)
	if err == nil && rep.code != http.StatusCreated {
		err = fmt.Errorf("%s %s answered %d", method, path, rep.code)
	}
	return err
}

func (r *run) killAll() {
	for _, c := range r.childs {
		if c != nil && c.running() {
			c.kill()
		}
	}
}

// phase runs all workers under the phase's faults.
func (r *run) phase(n int, p phase) error {
	r.record.logf("phase %d: %v", n, p)
	for g, c := range r.childs {
		c.setup.Limit = p.limit[g]
		if err := r.setFaults(g, p.faults[g]); err != nil {
			return err
		}
	}
	var failures failures
	var working, managing sync.WaitGroup
	var pending [gateways]chan event
	for g := range gateways {
		var count atomic.Int64
		due := make(chan event, len(p.events[g]))
		for i, w := range r.workers[g] {
			working.Go(func() {
				random := rand.New(rand.NewPCG(r.seed, uint64(n)<<16|uint64(g)<<8|uint64(i)))
				for k := range p.ops {
					t := draw(random, p, g, i)
					if folders := foldersOf(g, i); k < len(folders) {
						t = task{verb: makeFolder, path: folders[k], shared: within(folders[k], sharedRoot)}
					}
					if failures.any() {
						return
					}
					if err := w.run(t, random); err != nil {
						failures.add(err)
						return
					}
					done := int(count.Add(1))
					for _, e := range p.events[g] {
						if e.after == done {
							due <- e
						}
					}
				}
			})
		}
		managing.Go(func() {
			for e := range due {
				if failures.any() {
					continue
				}
				if err := r.apply(g, e); err != nil {
					failures.add(err)
					r.childs[g].giveUp()
				}
			}
		})
		pending[g] = due
	}
	working.Wait()
	for _, due := range pending {
		close(due)
	}
	managing.Wait()
	return failures.err()
}

// failures collects errors; the first one counts.
type failures struct {
	mu  sync.Mutex
	all []error
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err)
}

func (f *failures) any() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all) > 0
}

func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.all...)
}

// setFaults sets the faults of a running gateway.
func (r *run) setFaults(g int, f faults) error {
	if !f.Away {
		r.shared.setOnline(g, true, time.Now())
	}
	err := r.childs[g].setFaults(f)
	if f.Away {
		r.shared.setOnline(g, false, time.Now().Add(linger))
	}
	return err
}

// apply carries out an event.
func (r *run) apply(g int, e event) error {
	c := r.childs[g]
	wait(e.wait)
	r.record.logf("g%d %s", g, e.kind)
	switch e.kind {
	case "clock":
		f := c.setup.Faults
		f.Clock = e.clock
		return c.setFaults(f)
	case "collect":
		n, err := c.collect() // may fail because of the faults
		r.record.counts.Collected.Add(n)
		r.record.logf("g%d collected %d: %v", g, n, err)
		return nil
	case "hurry":
		_, _ = c.flush(time.Millisecond) // may fail because of the faults
		return nil
	case "stop":
		r.record.counts.Stops.Add(1)
		if err := c.stop(); err != nil {
			return fmt.Errorf("an orderly stop of gateway %d: %w", g, err)
		}
	default:
		r.record.counts.Kills.Add(1)
		c.kill()
	}
	wait(e.down)
	err := c.start()
	if err != nil && c.setup.Faults != (faults{}) {
		// A start that needs data of the unreachable remote may fail with one sentence; any other start must succeed.
		r.record.counts.OfflineStartsRefused.Add(1)
		r.record.logf("g%d %v", g, err)
		was := c.setup.Faults
		c.setup.Faults = faults{Clock: was.Clock}
		r.shared.setOnline(g, true, time.Now())
		if err = c.start(); err == nil {
			err = r.setFaults(g, was)
		}
	}
	r.record.logf("g%d is up again: %v", g, err)
	return err
}

func wait(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

// exercised returns an error if too little happened in a long run for its success to mean anything.
func (r *record) exercised(through bool) error {
	c := &r.counts
	if c.Operations.Load() < 1000 {
		return nil
	}
	var missing []string
	for name, n := range map[string]int64{"kills": c.Kills.Load(), "faults": c.Faults.Load(),
		"conflicts": c.Conflicts.Load(),
		"claims":    c.Held.Load(), "requests of unknown end": c.Unknown.Load(), "commits": c.Commits.Load()} {
		if n == 0 && (name != "conflicts" || !through) { // what is at the remote at once rarely meets
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("the run proves little: it had no %s", strings.Join(missing, ", no "))
	}
	return nil
}
