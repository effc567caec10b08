package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"postern/crypto"
)

// BenchmarkLongLine has eight programs PUT files of 1 KiB through a whole gateway whose remote answers at once or after
// 50 ms: programs should see the same speed.
func BenchmarkLongLine(b *testing.B) {
	for _, latency := range []time.Duration{0, 50 * time.Millisecond} {
		b.Run(latency.String(), func(b *testing.B) {
			random := rand.NewChaCha8([32]byte{1})
			account, err := crypto.Random[crypto.AccountSecret](random)
			if err != nil {
				b.Fatal(err)
			}
			dir := b.TempDir()
			if err := found(context.Background(), dir, filepath.Join(dir, "remote"), account, random); err != nil {
				b.Fatal(err)
			}
			s := setup{Home: homeOf(dir, 0), Remote: filepath.Join(dir, "remote"), Account: hex.EncodeToString(account[:]),
				Cache: true}
			if latency > 0 {
				s.Faults = faults{Delay: 1, Sleep: latency}
			}
			g, err := serve(s)
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _, _ = g.carryOut(order{Stop: true}) }()
			client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8}}
			body := bytes.Repeat([]byte("x"), 1024)
			put := func(n int) error {
				r, err := http.NewRequest(http.MethodPut, fmt.Sprintf("http://%s/files/%d", g.address, n), bytes.NewReader(body))
				if err != nil {
					return err
				}
				r.SetBasicAuth(davUser, davPassword)
				res, err := client.Do(r)
				if err != nil {
					return err
				}
				_ = res.Body.Close()
				if res.StatusCode/100 != 2 {
					return fmt.Errorf("PUT answered %s", res.Status)
				}
				return nil
			}
			b.ResetTimer()
			var clients sync.WaitGroup
			for c := range 8 {
				clients.Go(func() {
					for n := c; n < b.N; n += 8 {
						if err := put(n); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			clients.Wait()
			b.StopTimer()
			commits := g.execute(order{}).Commits
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "files/s")
			b.ReportMetric(float64(commits), "commits")
		})
	}
}
