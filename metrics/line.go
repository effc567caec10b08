package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"postern/remote"
)

// LineState describes the line to the remote. What else a line can count or limit belongs here, too.
type LineState struct {
	Pace       remote.Pace
	Usage      remote.Usage // of all remotes, since the start
	Retries    uint64       // calls that were tried again
	Away       bool         // the remote does not answer
	Outages    uint64       // how often it was found away
	FailedFast uint64       // calls that failed at once meanwhile
	Hedged     uint64       // ranges that were asked for a second time
	HedgesWon  uint64       // those whose second answer was the first to come
	LimitUp    int64        // of the bandwidth, in bytes a second; 0: none
	LimitDown  int64
}

// Line reports the figures that source returns at each scrape.
func (m *Metrics) Line(source func() LineState) {
	all := []line[LineState]{
		gauge("line", "round_trip_seconds", "Time that a small request takes; 0 while it is not known.",
			func(s LineState) float64 { return s.Pace.RoundTrip.Seconds() }),
		gauge("line", "away", "Whether the remote is known not to answer (1), so that calls fail at once.",
			func(s LineState) float64 {
				if s.Away {
					return 1
				}
				return 0
			}),
		count("line", "outages_total", "How often the remote was found away.",
			func(s LineState) float64 { return float64(s.Outages) }),
		count("line", "failed_fast_total", "Calls that failed at once since the remote was away.",
			func(s LineState) float64 { return float64(s.FailedFast) }),
		count("line", "retries_total", "Calls that were tried again.",
			func(s LineState) float64 { return float64(s.Retries) }),
		count("line", "hedged_reads_total", "Reads that were asked for a second time, since they took long.",
			func(s LineState) float64 { return float64(s.Hedged) }),
		count("line", "hedges_won_total", "Reads whose second answer was the first to come.",
			func(s LineState) float64 { return float64(s.HedgesWon) }),
	}
	labelled := func(name, help, label string, kind prometheus.ValueType, values map[string]func(LineState) float64) {
		desc := prometheus.NewDesc(prometheus.BuildFQName(namespace, "line", name), help, []string{label}, nil)
		for value, of := range values {
			all = append(all, line[LineState]{desc, kind, of, []string{value}})
		}
	}
	labelled("throughput_bytes_per_second", "Bytes a second while bytes flow; 0 while it is not known.", "direction",
		prometheus.GaugeValue, map[string]func(LineState) float64{
			"sent":     func(s LineState) float64 { return s.Pace.Up },
			"received": func(s LineState) float64 { return s.Pace.Down },
		})
	labelled("limit_bytes_per_second", "Limit of the bandwidth at this time of day; 0: none.", "direction",
		prometheus.GaugeValue, map[string]func(LineState) float64{
			"sent":     func(s LineState) float64 { return float64(s.LimitUp) },
			"received": func(s LineState) float64 { return float64(s.LimitDown) },
		})
	labelled("requests_total", "Requests to a store with bills, in the classes by which it bills.", "class",
		prometheus.CounterValue, map[string]func(LineState) float64{
			"write":  func(s LineState) float64 { return float64(s.Usage.Writes) },
			"read":   func(s LineState) float64 { return float64(s.Usage.Reads) },
			"delete": func(s LineState) float64 { return float64(s.Usage.Deletions) },
		})
	labelled("bytes_total", "Bytes that were sent and received.", "direction",
		prometheus.CounterValue, map[string]func(LineState) float64{
			"sent":     func(s LineState) float64 { return float64(s.Usage.Sent) },
			"received": func(s LineState) float64 { return float64(s.Usage.Received) },
		})
	m.registry.MustRegister(&snapshot[LineState]{source: source, lines: all})
}
