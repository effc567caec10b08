// Torture drives random WebDAV operations on two gateways of one account with one remote, while it kills and stops
// them, makes the remote unreachable, throttles, loses replies, shows old listings, fills disks and changes clocks, and
// checks all answers against a model:
//
//   - A write answered 2xx exists at the end, unless a later request removed it: at its place, or next to it as a
//     conflict if both sides wrote.
//   - Every file read at any time is exactly one of the written versions.
//   - A gateway shows from then on what it has answered.
//   - At the end both gateways have the same tree, and so has a new one with the account's secret.
//
// The gateways are processes of this same program. They run the shipped gateway (package gateway), breaker, pins, guard
// and control socket included, with shorter waiting times and drivers that fail on purpose. A run prints a line after
// each phase, and fails if nothing is answered for two minutes or if it takes more than 2 GiB of memory together with
// its gateways.
//
// A seed determines the operations and the faults; only their exact timing depends on the machine.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"postern/remote/s3"
)

// childVariable is the environment variable that makes the program, or the test binary, a gateway.
const childVariable = "POSTERN_TORTURE_GATEWAY"

func main() {
	if os.Getenv(childVariable) != "" {
		os.Exit(childMain())
	}
	os.Exit(parentMain(os.Args[1:]))
}

func childMain() int {
	if err := serveGateway(os.Stdin, os.Stdout); err != nil && !errors.Is(err, io.EOF) {
		_, _ = fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func parentMain(args []string) int {
	flags := flag.NewFlagSet("torture", flag.ContinueOnError)
	seed := flags.Uint64("seed", 0, "the seed of all random choices; 0: the time")
	ops := flags.Int("ops", 0, "operations of a run; 0: as many as the duration allows, or 2000")
	duration := flags.Duration("duration", 0, "of all runs together; 0: one run")
	workers := flags.Int("workers", 3, "of each gateway")
	dir := flags.String("dir", "", "where the folders are made; empty: the system's place for what is temporary")
	bucket := flags.String("remote", "", "an s3: URL, below which each run makes a remote of its own; empty: a folder")
	keep := flags.Bool("keep", false, "keep the folders also when all went well")
	if flags.Parse(args) != nil {
		return 2
	}
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	if *ops == 0 {
		*ops = 2000
	}
	until := time.Now().Add(*duration)
	for s := *seed; ; s++ {
		at, err := os.MkdirTemp(*dir, "postern-torture-")
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			return 1
		}
		url, err := below(*bucket, filepath.Base(at))
		if err != nil {
			_, _ = fmt.Fprintln(os.Stderr, err)
			return 2
		}
		r, err := torture(options{seed: s, ops: *ops, workers: *workers, dir: at, remote: url, out: os.Stdout})
		fmt.Printf("seed %d: %s\n", s, r.summary())
		if err != nil {
			r.print(os.Stdout)
			fmt.Printf("FAILED with -seed %d -ops %d -workers %d -remote %q; the folders are in %s\n%v\n", s, *ops, *workers,
				*bucket, at, err)
			return 1
		}
		if !*keep {
			_ = os.RemoveAll(at) // best effort
		}
		if *duration == 0 || time.Now().After(until) {
			return 0
		}
	}
}

// below returns the URL of the remote of one run; for none, none.
func below(bucket, run string) (string, error) {
	if bucket == "" {
		return "", nil
	}
	rest, ok := strings.CutPrefix(bucket, "s3:")
	if !ok {
		return "", fmt.Errorf("-remote %s is not of the form %s", bucket, s3.Form)
	}
	place, err := s3.ParsePlace(rest)
	if err != nil {
		return "", err
	}
	place.Prefix = path.Join(place.Prefix, run)
	return place.String(), nil
}
