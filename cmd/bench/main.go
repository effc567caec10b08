// Command bench compares Postern with `rclone serve webdav` on an rclone crypt remote, and for listings also on a plain folder,
// which has nothing to decrypt: the same requests from the same client, to servers on the same disk, side by side. What Postern
// answers is durable when it is answered; rclone syncs nothing.
//
//	go run ./cmd/bench [-postern bin/postern] [-rclone rclone] [-size 1024] [-dir DIR] [-runs 3] [-listings]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"text/tabwriter"
)

func main() {
	postern := flag.String("postern", "bin/postern", "the gateway's binary")
	rclone := flag.String("rclone", "rclone", "rclone's binary")
	dir := flag.String("dir", "", "folder for both servers' data (default: a temporary one)")
	size := flag.Int("size", 1024, "size of the large file in MiB")
	runs := flag.Int("runs", 3, "runs of each measurement, of which the median counts")
	listings := flag.Bool("listings", false, "measure listings only")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *postern, *rclone, *dir, int64(*size)<<20, *runs, *listings); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, postern, rclone, dir string, size int64, runs int, listings bool) error {
	if dir == "" {
		made, err := os.MkdirTemp("", "postern-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(made) }()
		dir = made
	}
	contestants := []*server{newPostern(postern, dir), newRclone(rclone, dir, true), newRclone(rclone, dir, false)}
	results := make([]map[string][]float64, len(contestants))
	for i := range results {
		results[i] = map[string][]float64{}
	}
	// Run by run in turn, not one server after the other, so that both see the same drift of a shared machine.
	for range runs {
		for i, s := range contestants {
			if err := s.reset(); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			if err := measure(ctx, s, size, results[i], listings || s.listings); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return report(results, contestants)
}

// report prints the medians side by side, and how many times its rival's Postern's is, or the limit that it has.
func report(results []map[string][]float64, contestants []*server) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "measurement\tunit\t")
	for _, s := range contestants {
		fmt.Fprintf(w, "%s\t", s.name)
	}
	fmt.Fprintln(w, "ratio\taim\t")
	for _, m := range measurements {
		if len(results[0][m.name]) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t", m.name, m.unit)
		for _, r := range results {
			fmt.Fprint(w, figure(r[m.name]), "\t")
		}
		if m.limit > 0 {
			fmt.Fprintf(w, "–\t≤ %.0f\t\n", m.limit)
			continue
		}
		fmt.Fprintf(w, "%.2f×\t≥ %.1f×\t\n", median(results[0][m.name])/median(results[m.rival][m.name]), m.aim)
	}
	return w.Flush()
}

// figure is a median in as many digits as say something.
func figure(v []float64) string {
	switch m := median(v); {
	case len(v) == 0:
		return "–"
	case m < 10:
		return fmt.Sprintf("%.1f", m)
	default:
		return fmt.Sprintf("%.0f", m)
	}
}

// median is the middle one, 0 of none.
func median(v []float64) float64 {
	if len(v) == 0 {
		return 0
	}
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
