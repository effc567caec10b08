package metrics

import (
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// requests are the metrics of the drive's HTTP side.
type requests struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
	in, out  prometheus.Counter
	inFlight prometheus.Gauge
}

func newRequests() requests {
	return requests{
		total: counter("dav", "requests_total", "Answered requests by method and status code.", "method", "code"),
		duration: latency("dav", "request_duration_seconds", "Time from a request's header to the end of its answer.",
			"method"),
		in: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: "dav",
			Name: "request_body_bytes_total", Help: "Bytes of request bodies that were read."}),
		out: prometheus.NewCounter(prometheus.CounterOpts{Namespace: namespace, Subsystem: "dav",
			Name: "response_body_bytes_total", Help: "Bytes of answers' bodies that were written."}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Namespace: namespace, Subsystem: "dav",
			Name: "requests_in_flight", Help: "Requests that are being answered now."}),
	}
}

func (r requests) collectors() []prometheus.Collector {
	return []prometheus.Collector{r.total, r.duration, r.in, r.out, r.inFlight}
}

// HTTP measures every request that next answers.
func (m *Metrics) HTTP(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		method := knownMethod(r.Method)
		m.requests.inFlight.Inc()
		body := &countingBody{ReadCloser: r.Body}
		if r.Body != nil && r.Body != http.NoBody {
			// A copy: net/http inspects its own request's body to see whether a client waits for "100 Continue", and would wait
			// for the body of a refused request.
			counted := *r
			counted.Body = body
			r = &counted
		}
		answer := &countingWriter{ResponseWriter: w}
		defer func() { // also after a panic, by which a handler aborts the connection
			m.requests.inFlight.Dec()
			m.requests.total.WithLabelValues(method, strconv.Itoa(answer.status())).Inc()
			m.requests.duration.WithLabelValues(method).Observe(time.Since(began).Seconds())
			m.requests.in.Add(float64(body.n))
			m.requests.out.Add(float64(answer.n))
		}()
		next.ServeHTTP(answer, r)
	})
}

// knownMethod replaces unknown methods, so that strangers cannot create time series.
func knownMethod(method string) string {
	switch method {
	case "GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS", "PATCH",
		"PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE", "LOCK", "UNLOCK":
		return method
	}
	return "other"
}

type countingBody struct {
	io.ReadCloser
	n int64
}

func (b *countingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// countingWriter counts a response. Unwrap gives http.ResponseController access to flushing and deadlines.
type countingWriter struct {
	http.ResponseWriter
	code int
	n    int64
}

func (w *countingWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *countingWriter) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

func (w *countingWriter) WriteHeader(code int) {
	if w.code == 0 && code >= 200 { // 1xx responses precede the final one
		w.code = code
	}
	w.ResponseWriter.WriteHeader(code)
}

func (w *countingWriter) Write(p []byte) (int, error) {
	if w.code == 0 {
		w.code = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

func (w *countingWriter) status() int {
	if w.code == 0 {
		return http.StatusOK // net/http's default
	}
	return w.code
}
