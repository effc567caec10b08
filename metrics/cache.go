package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// CacheState is how a cache is doing; counts are since the start.
type CacheState struct {
	Hits, Misses uint64
	Corrupt      uint64 // entries of the disk tier that were not what was stored
	MemoryBytes  int64
	DiskBytes    int64
}

// Cache reports what source tells at each scrape.
func (m *Metrics) Cache(source func() CacheState) {
	requests := prometheus.NewDesc(prometheus.BuildFQName(namespace, "cache", "requests_total"), "Blocks that were asked for.", []string{"result"}, nil)
	bytes := prometheus.NewDesc(prometheus.BuildFQName(namespace, "cache", "bytes"), "Ciphertext that is held.", []string{"tier"}, nil)
	m.registry.MustRegister(&snapshot[CacheState]{source: source, lines: []line[CacheState]{
		{requests, prometheus.CounterValue, func(s CacheState) float64 { return float64(s.Hits) }, []string{"hit"}},
		{requests, prometheus.CounterValue, func(s CacheState) float64 { return float64(s.Misses) }, []string{"miss"}},
		{bytes, prometheus.GaugeValue, func(s CacheState) float64 { return float64(s.MemoryBytes) }, []string{"memory"}},
		{bytes, prometheus.GaugeValue, func(s CacheState) float64 { return float64(s.DiskBytes) }, []string{"disk"}},
		count("cache", "corrupt_total", "Entries on disk that were not what was stored, and were dropped.",
			func(s CacheState) float64 { return float64(s.Corrupt) }),
	}})
}
