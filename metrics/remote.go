package metrics

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"postern/crypto"
	"postern/remote"
)

// Stage tells two places apart at which the way to a remote is measured.
type Stage string

// The stages.
const (
	Tries   Stage = "try"    // at the driver: every attempt, as the line and the storage are
	Answers Stage = "answer" // above retry and verify: what the drive gets to see, lies found out included
)

// remotes are the figures of the remote's side.
type remotes struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	bytes    *prometheus.CounterVec
}

func newRemotes() remotes {
	return remotes{
		total:    counter("remote", "operations_total", "Operations by stage, kind and outcome.", "stage", "operation", "outcome"),
		duration: latency("remote", "operation_duration_seconds", "Time that operations took.", "stage", "operation"),
		bytes:    counter("remote", "bytes_total", "Bytes of blobs that were sent or received.", "stage", "direction"),
	}
}

func (r remotes) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.total, r.duration, r.bytes}
}

// Remote measures inner at a stage.
func (m *Metrics) Remote(inner remote.Store, stage Stage) remote.Store {
	return &store{
		Store: inner, metrics: m.remotes, stage: string(stage),
		sent:     m.remotes.bytes.WithLabelValues(string(stage), "sent"),
		received: m.remotes.bytes.WithLabelValues(string(stage), "received"),
	}
}

type store struct {
	remote.Store
	metrics        remotes
	stage          string
	sent, received prometheus.Counter
}

// done records one operation that began then.
func (s *store) done(operation string, began time.Time, err error) {
	s.metrics.total.WithLabelValues(s.stage, operation, outcome(err)).Inc()
	s.metrics.duration.WithLabelValues(s.stage, operation).Observe(time.Since(began).Seconds())
}

// outcomes puts the sharper kinds first: an error may be of several.
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

func (s *store) Put(ctx context.Context, name crypto.BlobName, body remote.Body) error {
	began := time.Now()
	err := s.Store.Put(ctx, name, body)
	s.done("put", began, err)
	if err == nil {
		s.sent.Add(float64(body.Size()))
	}
	return err
}

func (s *store) Get(ctx context.Context, name crypto.BlobName) ([]byte, error) {
	began := time.Now()
	blob, err := s.Store.Get(ctx, name)
	s.done("get", began, err)
	s.received.Add(float64(len(blob)))
	return blob, err
}

func (s *store) GetRange(ctx context.Context, name crypto.BlobName, off int64, p []byte) error {
	began := time.Now()
	err := s.Store.GetRange(ctx, name, off, p)
	s.done("get_range", began, err)
	if err == nil {
		s.received.Add(float64(len(p)))
	}
	return err
}

func (s *store) Stat(ctx context.Context, name crypto.BlobName) (int64, error) {
	began := time.Now()
	size, err := s.Store.Stat(ctx, name)
	s.done("stat", began, err)
	return size, err
}

func (s *store) List(ctx context.Context) iter.Seq2[remote.BlobInfo, error] {
	return func(yield func(remote.BlobInfo, error) bool) {
		began := time.Now()
		var failed error
		defer func() { s.done("list", began, failed) }()
		for info, err := range s.Store.List(ctx) {
			failed = err
			if !yield(info, err) {
				return
			}
		}
	}
}

func (s *store) Delete(ctx context.Context, name crypto.BlobName) error {
	began := time.Now()
	err := s.Store.Delete(ctx, name)
	s.done("delete", began, err)
	return err
}

func (s *store) Load(ctx context.Context, id crypto.PointerID) (crypto.Pointer, error) {
	began := time.Now()
	pointer, err := s.Store.Load(ctx, id)
	s.done("load", began, err)
	return pointer, err
}

func (s *store) Swap(ctx context.Context, old crypto.PointerHash, next crypto.Pointer) error {
	began := time.Now()
	err := s.Store.Swap(ctx, old, next)
	s.done("swap", began, err)
	return err
}
