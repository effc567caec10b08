// Package metrics counts and times the work of every layer for Prometheus: one registry, a middleware for the drive's
// requests, a decorator for remotes, and collectors for the cache, the journal and the staging area.
//
// No label ever carries a path, a name or an address: a scrape shows how much happens, not to which files.
package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace is the prefix of our metrics.
const namespace = "postern"

// latencyBuckets reach from a cache hit (half a millisecond) to a large file over a slow line (two minutes), in
// seconds.
var latencyBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120}

// Metrics is one registry with everything that a gateway measures.
type Metrics struct {
	registry *prometheus.Registry
	requests requests
	remotes  remotes
}

// New returns a registry with the figures of the Go runtime and the process, and the build's version.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), requests: newRequests(), remotes: newRemotes()}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "Always 1; the label is the version that runs.",
		ConstLabels: prometheus.Labels{"version": version},
	})
	build.Set(1)
	m.registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build,
	)
	m.registry.MustRegister(m.requests.collectors()...)
	m.registry.MustRegister(m.remotes.collectors()...)
	return m
}

// Handler serves the registry in the formats of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{Registry: m.registry})
}

// Gatherer returns the registry for readers in this process.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

func latency(subsystem, name, help string, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Namespace: namespace, Subsystem: subsystem, Name: name, Help: help,
		Buckets:                     latencyBuckets,
		NativeHistogramBucketFactor: 1.1, // for servers that request native histograms: buckets 10 % wide
	}, labels)
}

func counter(subsystem, name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name,
		Help: help}, labels)
}
