// Command bench compares Postern with `rclone serve webdav` on an rclone crypt remote: the same requests from the same
// client, to two servers on the same disk, side by side. What Postern answers is durable when it is answered; rclone syncs nothing.
//
//	go run ./cmd/bench [-postern bin/postern] [-rclone rclone] [-size 1024] [-dir DIR] [-runs 3]
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
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *postern, *rclone, *dir, int64(*size)<<20, *runs); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, postern, rclone, dir string, size int64, runs int) error {
	if dir == "" {
		made, err := os.MkdirTemp("", "postern-bench-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(made) }()
		dir = made
	}
	contestants := []*server{newPostern(postern, dir), newRclone(rclone, dir)}
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
			if err := measureAll(ctx, s, size, results[i]); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return report(results, contestants)
}

// report prints the medians side by side and their ratio.
func report(results []map[string][]float64, contestants []*server) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "measurement\tunit\t%s\t%s\tratio\taim\t\n", contestants[0].name, contestants[1].name)
	for _, m := range measurements {
		a, b := median(results[0][m.name]), median(results[1][m.name])
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%.0f\t%.2f×\t≥ %.1f×\t\n", m.name, m.unit, a, b, a/b, m.aim)
	}
	return w.Flush()
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
