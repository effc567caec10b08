package metrics_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"postern/cache"
	"postern/crypto"
	"postern/metrics"
	"postern/remote"
	"postern/remote/mem"
)

// whole returns a registry with all metrics of a gateway, each used once.
func whole(t *testing.T) *metrics.Metrics {
	t.Helper()
	m := metrics.New("v1.2.3")
	m.Drive(func() metrics.DriveState {
		return metrics.DriveState{JournalRecords: 3, JournalBytes: 4096, OldestSeconds: 1.5, StagingBytes: 1, StagingLimit: 2,
			Commits: 7, CommitFailures: 1}
	})
	m.Cache(func() cache.Stats {
		return cache.Stats{Fetches: 4, FetchedBytes: 5, Passed: 6,
			Memory: cache.TierStats{Hits: 5, Misses: 2, Bytes: 100, Limit: 150},
			Disk:   cache.TierStats{Hits: 1, Misses: 9, Bytes: 200, Corrupt: 1, Faults: 3, Evictions: 8}}
	})
	m.Line(func() metrics.LineState {
		return metrics.LineState{Pace: remote.Pace{RoundTrip: 48 * time.Millisecond, Up: 11, Down: 34},
			Usage:   remote.Usage{Writes: 1, Reads: 2, Deletions: 3, Sent: 4, Received: 5},
			Retries: 6, Away: true, Outages: 7, FailedFast: 8,
			Hedged: 9, HedgesWon: 10, LimitUp: 11, LimitDown: 12}
	})
	m.People(func() metrics.PeopleState {
		return metrics.PeopleState{Friends: 1, Asking: 2, Unreachable: 3, Shares: 4, Links: 5, Letters: 6, Refused: 7,
			Rounds: 8, Failures: 9}
	})
	store := m.Remote(mem.New(), metrics.Tries)
	blob := make([]byte, crypto.MinBlobSize)
	if err := store.Put(t.Context(), crypto.NameOf(blob), remote.BytesBody(blob)); err != nil {
		t.Fatal(err)
	}
	serve(m, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "GET", "")
	return m
}

func serve(m *metrics.Metrics, h http.Handler, method, body string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	m.HTTP(h).ServeHTTP(w, httptest.NewRequest(method, "/files/secret-name.txt", strings.NewReader(body)))
	return w
}

// scrape returns the text that Prometheus would scrape.
func scrape(m *metrics.Metrics) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return w.Body.String()
}

// shows fails unless the scrape has every line.
func shows(t *testing.T, m *metrics.Metrics, lines ...string) {
	t.Helper()
	text := scrape(m)
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("the scrape lacks %q", line)
		}
	}
	if t.Failed() {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(line, "postern_") && !strings.Contains(line, "_bucket") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

func TestLint(t *testing.T) {
	problems, err := testutil.GatherAndLint(whole(t).Gatherer())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

func TestHTTP(t *testing.T) {
	m := metrics.New("v1.2.3")
	made := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints) // not the final response
		n, err := io.Copy(io.Discard, r.Body)
		if n != 5 || err != nil {
			t.Errorf("the body: %d, %v", n, err)
		}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "made")
	})
	server := httptest.NewServer(m.HTTP(made)) // a recorder mistakes early hints for the response
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server.URL, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || string(answer) != "made" || resp.StatusCode != http.StatusCreated {
		t.Errorf("the answer: %d %q %v", resp.StatusCode, answer, err)
	}
	server.Close() // waits until the middleware has counted
	serve(m, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x") }), "GET", "")
	serve(m, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), "BREW", "")
	shows(t, m,
		`postern_build_info{version="v1.2.3"} 1`,
		`postern_dav_requests_total{code="201",method="PUT"} 1`,
		`postern_dav_requests_total{code="200",method="GET"} 1`,
		`postern_dav_requests_total{code="200",method="other"} 1`,
		`postern_dav_request_duration_seconds_count{method="PUT"} 1`,
		`postern_dav_request_body_bytes_total 5`,
		`postern_dav_response_body_bytes_total 5`,
		`postern_dav_requests_in_flight 0`,
	)
	if strings.Contains(scrape(m), "secret-name") {
		t.Error("a path shows in the scrape")
	}
}

// TestHTTPRefusedBody: a client that waits for "100 Continue" gets the refusal at once.
func TestHTTPRefusedBody(t *testing.T) {
	refuse := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })
	server := httptest.NewServer(metrics.New("v1").HTTP(refuse))
	defer server.Close()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn,
		"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.Contains(line, "401") {
		t.Errorf("%q, %v", line, err)
	}
}

func TestHTTPInFlightAndAbort(t *testing.T) {
	m := metrics.New("v1")
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Error("the abort was swallowed")
			}
		}()
		serve(m, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			shows(t, m, `postern_dav_requests_in_flight 1`)
			_, _ = io.WriteString(w, "half")
			panic(http.ErrAbortHandler)
		}), "GET", "")
	}()
	shows(t, m, `postern_dav_requests_in_flight 0`, `postern_dav_requests_total{code="200",method="GET"} 1`)
}

// TestHTTPControl: handlers behind the middleware can flush and set deadlines.
func TestHTTPControl(t *testing.T) {
	m := metrics.New("v1")
	w := serve(m, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if err := http.NewResponseController(w).Flush(); err != nil {
			t.Errorf("flush: %v", err)
		}
		f, ok := w.(http.Flusher)
		if !ok {
			t.Fatal("no Flusher")
		}
		f.Flush()
	}), "GET", "")
	if !w.Flushed {
		t.Error("nothing was flushed")
	}
}

func TestRemote(t *testing.T) {
	m := metrics.New("v1")
	store := m.Remote(mem.New(), metrics.Answers)
	ctx := t.Context()
	blob := make([]byte, crypto.MinBlobSize)
	name := crypto.NameOf(blob)
	if err := store.Put(ctx, name, remote.BytesBody(blob)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Get(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := store.GetRange(ctx, name, 0, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Stat(ctx, crypto.BlobName{1}); !errors.Is(err, remote.ErrNotFound) {
		t.Fatal(err)
	}
	for _, err := range store.List(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		break
	}
	if err := store.Delete(ctx, name); err != nil {
		t.Fatal(err)
	}
	key := crypto.NewWriterKey([32]byte{1})
	first := key.Sign(1, crypto.PointerValue{})
	if err := store.Swap(ctx, crypto.PointerHash{}, first); err != nil {
		t.Fatal(err)
	}
	if err := store.Swap(ctx, crypto.PointerHash{}, first); err == nil {
		t.Fatal("a stale swap passed")
	}
	if _, err := store.Load(ctx, key.ID()); err != nil {
		t.Fatal(err)
	}
	shows(t, m,
		`postern_remote_operations_total{operation="put",outcome="ok",stage="answer"} 1`,
		`postern_remote_operations_total{operation="get",outcome="ok",stage="answer"} 1`,
		`postern_remote_operations_total{operation="get_range",outcome="ok",stage="answer"} 1`,
		`postern_remote_operations_total{operation="stat",outcome="not_found",stage="answer"} 1`,
		`postern_remote_operations_total{operation="list",outcome="ok",stage="answer"} 1`,
		`postern_remote_operations_total{operation="delete",outcome="ok",stage="answer"} 1`,
		`postern_remote_operations_total{operation="swap",outcome="ok",stage="answer"} 1`,
		`postern_remote_operations_total{operation="swap",outcome="conflict",stage="answer"} 1`,
		`postern_remote_operations_total{operation="load",outcome="ok",stage="answer"} 1`,
		`postern_remote_operation_duration_seconds_count{operation="swap",stage="answer"} 2`,
		fmt.Sprintf(`postern_remote_bytes_total{direction="sent",stage="answer"} %d`, len(blob)),
		fmt.Sprintf(`postern_remote_bytes_total{direction="received",stage="answer"} %d`, len(blob)+100),
	)
}

// failing is a store whose every call fails in one way.
type failing struct {
	remote.Store
	err error
}

func (f failing) Stat(context.Context, crypto.BlobName) (int64, error) { return 0, f.err }

func TestRemoteOutcomes(t *testing.T) {
	for want, err := range map[string]error{
		"rollback":    &remote.Error{Op: "load", On: "x", Kind: remote.ErrRollback},
		"fork":        &remote.Error{Op: "load", On: "x", Kind: remote.ErrFork},
		"corrupt":     &remote.Error{Op: "get", On: "x", Kind: remote.ErrCorrupt},
		"full":        remote.ErrFull,
		"refused":     remote.ErrRefused,
		"foreign":     remote.ErrForeign,
		"unavailable": remote.ErrUnavailable,
		"cancelled":   &remote.Error{Op: "get", On: "x", Kind: remote.ErrUnavailable, Err: context.Canceled},
		"other":       io.ErrUnexpectedEOF,
	} {
		m := metrics.New("v1")
		if _, got := m.Remote(failing{err: err}, metrics.Tries).Stat(t.Context(), crypto.BlobName{}); !errors.Is(got, err) {
			t.Errorf("the error was changed: %v", got)
		}
		shows(t, m, fmt.Sprintf(`postern_remote_operations_total{operation="stat",outcome=%q,stage="try"} 1`, want))
	}
}

func TestSnapshots(t *testing.T) {
	shows(t, whole(t),
		`postern_journal_records 3`, `postern_journal_bytes 4096`, `postern_journal_oldest_age_seconds 1.5`,
		`postern_staging_bytes 1`, `postern_staging_limit_bytes 2`, `postern_commit_landed_total 7`,
		`postern_commit_failures_total 1`,
		`postern_cache_fetches_total 4`, `postern_cache_fetched_bytes_total 5`, `postern_cache_passed_total 6`,
		`postern_cache_hits_total{tier="memory"} 5`, `postern_cache_misses_total{tier="memory"} 2`,
		`postern_cache_hits_total{tier="disk"} 1`, `postern_cache_misses_total{tier="disk"} 9`,
		`postern_cache_bytes{tier="memory"} 100`, `postern_cache_limit_bytes{tier="memory"} 150`,
		`postern_cache_bytes{tier="disk"} 200`,
		`postern_cache_corrupt_total{tier="disk"} 1`, `postern_cache_faults_total{tier="disk"} 3`,
		`postern_cache_evictions_total{tier="disk"} 8`,
		`postern_line_round_trip_seconds 0.048`, `postern_line_throughput_bytes_per_second{direction="sent"} 11`,
		`postern_line_throughput_bytes_per_second{direction="received"} 34`, `postern_line_away 1`,
		`postern_line_outages_total 7`, `postern_line_failed_fast_total 8`, `postern_line_retries_total 6`,
		`postern_line_hedged_reads_total 9`, `postern_line_hedges_won_total 10`,
		`postern_line_limit_bytes_per_second{direction="sent"} 11`,
		`postern_line_limit_bytes_per_second{direction="received"} 12`,
		`postern_line_requests_total{class="write"} 1`, `postern_line_requests_total{class="read"} 2`,
		`postern_line_requests_total{class="delete"} 3`, `postern_line_bytes_total{direction="sent"} 4`,
		`postern_line_bytes_total{direction="received"} 5`,
		`postern_people_friends 1`, `postern_people_asking 2`, `postern_people_unreachable 3`, `postern_people_shares 4`,
		`postern_people_links 5`, `postern_people_letters_total 6`, `postern_people_letters_refused_total 7`,
		`postern_people_rounds_total 8`, `postern_people_round_failures_total 9`,
	)
}

// TestSnapshotAskedOnce: one call of the source yields all figures of a scrape.
func TestSnapshotAskedOnce(t *testing.T) {
	m, asked := metrics.New("v1"), 0
	m.Drive(func() metrics.DriveState { asked++; return metrics.DriveState{} })
	scrape(m)
	if asked != 1 {
		t.Errorf("the source was asked %d times for one scrape", asked)
	}
}
