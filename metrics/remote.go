package metrics

import (
	"context"
	"errors"

	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/remote"
)

// Stage names a place on the way to a remote at which calls are measured.
type Stage string

// The stages.
const (
	Tries   Stage = "try"    // at the driver: every attempt
	Answers Stage = "answer" // above retry and verify: the results that the drive gets, detected lies included
)

// remotes are the metrics of calls to remotes.
type remotes struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
}

func newRemotes() remotes {
	return remotes{
		total: counter("remote", "operations_total", "Operations by stage, kind and outcome.", "stage", "operation",
			"outcome"),
		duration: latency("remote", "operation_duration_seconds", "Time that operations took.", "stage", "operation"),
		bytes:    counter("remote", "bytes_total", "Bytes of blobs that were sent or received.", "stage", "direction"),
	}
}

func (r remotes) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.total, r.duration, r.bytes}
}

// Remote returns a store that measures the calls to inner under a stage.
func (m *Metrics) Remote(inner remote.Store, stage Stage) remote.Store {
	return remote.Wrap(inner, m.Calls(stage))
}

// Calls measures calls to a remote under a stage.
func (m *Metrics) Calls(stage Stage) remote.Around {
	sent := m.remotes.bytes.WithLabelValues(string(stage), "sent")
	received := m.remotes.bytes.WithLabelValues(string(stage), "received")
	return func(ctx context.Context, c *remote.Call, do func(context.Context) error) error {
		began := time.Now()
		err := do(ctx)
		operation := operations[c.Op]
		m.remotes.total.WithLabelValues(string(stage), operation, outcome(err)).Inc()
		m.remotes.duration.WithLabelValues(string(stage), operation).Observe(time.Since(began).Seconds())
		if err == nil {
			sent.Add(float64(c.Send))
			received.Add(float64(c.Receive))
		}
		return err
	}
}

// operations maps calls to their names in metrics.
var operations = map[string]string{
	remote.OpPut: "put", remote.OpGet: "get", remote.OpGetRange: "get_range", remote.OpStat: "stat", remote.OpList: "list",
	remote.OpDelete: "delete", remote.OpLoad: "load", remote.OpSwap: "swap", remote.OpChanged: "changed",
	remote.OpID:   "id",
	remote.OpDrop: "drop", remote.OpLetters: "letters", remote.OpFetch: "fetch", remote.OpForget: "forget",
	remote.OpClaim:  "claim",
	remote.OpLookUp: "look_up", remote.OpReplace: "replace", remote.OpWatch: "watch", remote.OpSpace: "space",
}

// outcomes lists the more specific kinds first: an error may have several.
var outcomes = []struct {
	kind error
	name string
}{
	{remote.ErrRollback, "rollback"},
	{remote.ErrFork, "fork"},
	{remote.ErrCorrupt, "corrupt"},
	{remote.ErrForeign, "foreign"},
	{remote.ErrNotFound, "not_found"},
	{remote.ErrConflict, "conflict"},
	{remote.ErrFull, "full"},
	{remote.ErrRefused, "refused"},
	{context.Canceled, "cancelled"},
	{remote.ErrUnavailable, "unavailable"},
}

func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	for _, o := range outcomes {
		if errors.Is(err, o.kind) {
			return o.name
		}
	}
	return "other"
}
