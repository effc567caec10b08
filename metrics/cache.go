package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"postern/cache"
)

// Cache reports the figures that source returns at each scrape.
func (m *Metrics) Cache(source func() cache.Stats) {
	all := []line[cache.Stats]{
		count("cache", "fetches_total", "Requests to the remote for what the cache did not hold.",
			func(s cache.Stats) float64 { return float64(s.Fetches) }),
		count("cache", "fetched_bytes_total", "Bytes of those requests.",
			func(s cache.Stats) float64 { return float64(s.FetchedBytes) }),
		count("cache", "passed_total", "Large reads that went past the cache to a remote on this machine.",
			func(s cache.Stats) float64 { return float64(s.Passed) }),
	}
	for _, f := range []struct {
		name, help string
		kind       prometheus.ValueType
		of         func(cache.TierStats) float64
	}{
		{"hits_total", "Blocks that a tier held.", prometheus.CounterValue, func(t cache.TierStats) float64 {
			return float64(t.Hits)
		}},
		{"misses_total", "Blocks that a tier was asked for and did not hold.", prometheus.CounterValue,
			func(t cache.TierStats) float64 {
				return float64(t.Misses)
			}},
		{"evictions_total", "Entries that made room for others.", prometheus.CounterValue, func(t cache.TierStats) float64 {
			return float64(t.Evictions)
		}},
		{"corrupt_total", "Entries that were not what was stored, and were dropped.", prometheus.CounterValue,
			func(t cache.TierStats) float64 {
				return float64(t.Corrupt)
			}},
		{"faults_total", "Operations that failed.", prometheus.CounterValue, func(t cache.TierStats) float64 {
			return float64(t.Faults)
		}},
		{"bytes", "Ciphertext that is held.", prometheus.GaugeValue,
			func(t cache.TierStats) float64 { return float64(t.Bytes) }},
		{"limit_bytes", "Ciphertext that may be held.", prometheus.GaugeValue, func(t cache.TierStats) float64 {
			return float64(t.Limit)
		}},
	} {
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "cache", f.name), f.help, []string{"tier"}, nil)
		all = append(all,
			line[cache.Stats]{desc, f.kind, func(s cache.Stats) float64 { return f.of(s.Memory) }, []string{"memory"}},
			line[cache.Stats]{desc, f.kind, func(s cache.Stats) float64 { return f.of(s.Disk) }, []string{"disk"}})
	}
	m.registry.MustRegister(&snapshot[cache.Stats]{source: source, lines: all})
}
