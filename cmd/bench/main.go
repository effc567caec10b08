// Command bench sends the same requests from the same client to Postern and to other servers on the same disk, side by
// side:
//
//   - base: another build of Postern (-baseline), so that two builds are compared in one run;
//   - apache: Apache's mod_dav on a plain folder, which has nothing to encrypt;
//   - bare: a server that only opens our segments from the page cache to the socket, without login, tree, locks or
//     hashes;
//   - crypt: `rclone serve webdav` on an rclone crypt remote; for listings also folder, on a plain folder.
//
// Postern answers a PUT once it is durable; the others sync nothing. In each round every row is measured for all
// servers, one right after the other, in an order that rotates; a ratio is the median of the rounds' ratios. So a
// temporary slowness of the machine affects all servers, and the ratios stay.
//
//	go run ./cmd/bench [-postern bin/postern] [-baseline OLD] [-rclone rclone] [-size 1024] [-dir DIR] [-rounds 5]
//	                   [-distance 50ms] [-mbit 100] [-only bodies|listings|memory] [-rows REGEXP] [-files 100000]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"slices"
	"time"
)

// options are the flags.
type options struct {
	postern, baseline, rclone, dir, only string
	size                                 int64 // of the large file in bytes
	rounds, files                        int
	rows                                 *regexp.Regexp // nil: all
	roundTrip                            time.Duration  // of the line to the store, over distance
	mbit                                 float64        // megabits a second of that line; 0: no limit
}

func main() {
	var o options
	flag.StringVar(&o.postern, "postern", "bin/postern", "the gateway's binary")
	flag.StringVar(&o.baseline, "baseline", "", "binary of another build of the gateway, to compare with (default: none)")
	flag.StringVar(&o.rclone, "rclone", "rclone", "rclone's binary")
	flag.StringVar(&o.dir, "dir", "", "folder for all servers' data (default: a temporary one)")
	flag.StringVar(&o.only, "only", "", "measure only bodies, listings or memory (default: all)")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds, of which the medians are shown")
	flag.IntVar(&o.files, "files", 100_000, "small files that are written while memory is measured")
	flag.Func("rows", "measure only rows of bodies whose names match, say small; a GET needs its PUT; over distance "+
		"it only leaves out the long listing (default: all)",
		func(s string) (err error) {
			o.rows, err = regexp.Compile(s)
			return err
		})
	flag.DurationVar(&o.roundTrip, "distance", 0, "compare drives in a bucket behind a line with this round trip instead")
	flag.Float64Var(&o.mbit, "mbit", 0, "megabits a second of that line (default: no limit)")
	mib := flag.Int("size", 1024, "size of the large file in MiB")
	bareAt := flag.String("bare", "", "be the bare decrypting server at this address, on -dir; the benchmark starts it "+
		"itself")
	flag.Parse()
	o.size = int64(*mib) << 20

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := error(nil)
	if *bareAt != "" {
		err = serveBare(*bareAt, o.dir)
	} else {
		err = run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if o.dir == "" {
		made, err := os.MkdirTemp("", "postern-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(made) }()
		o.dir = made
	}
	if o.roundTrip > 0 {
		return measureRemote(ctx, o)
	}
	all, err := contestants(o)
	if err != nil {
		return err
	}
	defer func() {
		for _, s := range all {
			err = errors.Join(err, s.stop())
		}
	}()
	t := newTable(all)
	wanted := bodies | entries1 | listings
	switch o.only {
	case "bodies":
		wanted = bodies | entries1
	case "listings":
		wanted = listings
	case "memory":
		wanted = 0
	}
	for round := range o.rounds {
		if wanted == 0 {
			break
		}
		if err := measure(ctx, all, wanted, o, round, t); err != nil {
			return err
		}
	}
	if o.only == "" || o.only == "memory" {
		for _, s := range all {
			if s.kinds&memory == 0 {
				continue
			}
			if err := measureMemory(ctx, s, o.files, t); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return t.print()
}

// contestants returns the servers that can be measured here, Postern first. It prints which can't.
func contestants(o options) ([]*server, error) {
	all := []*server{newPostern("postern", o.postern, o.dir)}
	if o.baseline != "" {
		all = append(all, newPostern("base", o.baseline, o.dir))
	}
	if path, why := findApache(); why == "" {
		all = append(all, newApache(path, o.dir))
	} else {
		fmt.Println(why)
	}
	all = append(all, newBare(o.dir))
	if _, err := exec.LookPath(o.rclone); err == nil {
		all = append(all, newCrypt(o.rclone, o.dir), newFolder(o.rclone, o.dir))
	} else {
		fmt.Printf("%s is not installed, so rclone is left out.\n", o.rclone)
	}
	if !mayDropCaches() {
		fmt.Println("Only root may drop the kernel's caches, so the cold GET is left out.")
	}
	for _, s := range all {
		if err := s.reset(); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return all, nil
}

// median returns the middle value, 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
