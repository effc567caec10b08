package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
)

// DriveState describes the changes that wait for the remote.
type DriveState struct {
	JournalRecords int64
	JournalBytes   int64
	OldestSeconds  float64 // how long the oldest record has waited; 0 when none waits
	StagingBytes   int64
	StagingLimit   int64
	Commits        uint64 // that reached the remote since the start
	CommitFailures uint64 // attempts that failed since the start
}

// Drive reports the figures that source returns at each scrape.
func (m *Metrics) Drive(source func() DriveState) {
	m.registry.MustRegister(&snapshot[DriveState]{source: source, lines: []line[DriveState]{
		gauge("journal", "records", "Changes that were answered and are not yet at the remote.",
			func(s DriveState) float64 { return float64(s.JournalRecords) }),
		gauge("journal", "bytes", "Bytes of those changes in the journal.",
			func(s DriveState) float64 { return float64(s.JournalBytes) }),
		gauge("journal", "oldest_age_seconds", "How long the oldest of those changes has waited.",
			func(s DriveState) float64 { return s.OldestSeconds }),
		gauge("staging", "bytes", "Bytes of sealed blobs that wait for the remote.",
			func(s DriveState) float64 { return float64(s.StagingBytes) }),
		gauge("staging", "limit_bytes", "Bytes at which the drive begins to refuse writes.",
			func(s DriveState) float64 { return float64(s.StagingLimit) }),
		count("commit", "landed_total", "Commits that the remote has taken.",
			func(s DriveState) float64 { return float64(s.Commits) }),
		count("commit", "failures_total", "Attempts to commit that failed and will be repeated.",
			func(s DriveState) float64 { return float64(s.CommitFailures) }),
	}})
}

// snapshot is a collector that calls its source once per scrape, so that the figures of one scrape are consistent.
type snapshot[T any] struct {
	source func() T
	lines  []line[T]
}

type line[T any] struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(T) float64
	label []string // the values of the variable labels
}

func gauge[T any](subsystem, name, help string, value func(T) float64) line[T] {
	return line[T]{prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, nil, nil),
		prometheus.GaugeValue, value, nil}
}

func count[T any](subsystem, name, help string, value func(T) float64) line[T] {
	return line[T]{prometheus.NewDesc(prometheus.BuildFQName(namespace, subsystem, name), help, nil, nil),
		prometheus.CounterValue, value, nil}
}

// Describe implements prometheus.Collector.
func (s *snapshot[T]) Describe(out chan<- *prometheus.Desc) {
	for _, l := range s.lines {
		out <- l.desc
	}
}

// Collect implements prometheus.Collector.
func (s *snapshot[T]) Collect(out chan<- prometheus.Metric) {
	state := s.source()
	for _, l := range s.lines {
		out <- prometheus.MustNewConstMetric(l.desc, l.kind, l.value(state), l.label...)
	}
}
