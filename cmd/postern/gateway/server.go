package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"postern/cmd/postern/say"
)

// The timeouts of the server. There is no limit on a whole request: a film may take hours, as long as bytes flow. The
// drive itself limits how long a request's body may stall.
const (
	headerTimeout = 10 * time.Second // for a request's header
	idleTimeout   = 2 * time.Minute  // between two requests of a connection
	stallTimeout  = 10 * time.Minute // for a client to take one write; players pause, and come back with a range
	drainTimeout  = 20 * time.Second // for requests under way when the gateway stops
	maxHeader     = 64 << 10         // bytes of a request's header; If headers of many locks are long
)

// listen opens an address, which the flag chooses. Port 0 takes a free one.
func listen(ctx context.Context, addr, flag string) (net.Listener, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, say.Advisef("can't listen on %s, the port is in use: stop what uses it, or choose another with %s",
			addr, flag)
	case errors.Is(err, syscall.EACCES):
		return nil, say.Advisef("can't listen on %s, this port is not for ordinary users: choose one above 1023 with %s",
			addr, flag)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return nil, say.Advisef("can't listen on %s, this machine has no such address: choose another with %s", addr, flag)
	case err != nil:
		return nil, say.Advisef("can't listen on %s (%w): choose another address with %s", addr, err, flag)
	}
	return listener, nil
}

func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           guardStalls(readRefused(handler)),
		ReadHeaderTimeout: headerTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,

		// OPTIONS * is the drive's, with DAV and Allow
		DisableGeneralOptionsHandler: true,
		// clients that disconnect; not actionable
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// drain stops accepting, and gives requests under way a bounded time to end. Then it calls stop, which ends those that
// wait for storage, and closes all connections.
func drain(server *http.Server, stop func(), log *slog.Logger) {
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		log.Warn("requests were cut off, for they did not end in time", "after", drainTimeout)
		stop()
		_ = server.Close() // its error is of a connection that is dropped anyway
	}
}

// guardStalls cuts a connection whose client reads nothing for a long time, which would otherwise hold memory for ever.
func guardStalls(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		guarded := &stallWriter{ResponseWriter: w, control: http.NewResponseController(w)}
		guarded.extend()
		next.ServeHTTP(guarded, r)
		guarded.set = time.Time{} // the buffered rest gets the whole time again
		guarded.extend()
	})
}

// stallWriter moves the connection's write deadline as bytes flow.
type stallWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	set     time.Time
}

func (w *stallWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *stallWriter) Write(p []byte) (int, error) {
	w.extend()
	return w.ResponseWriter.Write(p)
}

// extend moves the deadline at most once a second, so it is cheap enough for every line of a listing.
func (w *stallWriter) extend() {
	if now := time.Now(); now.Sub(w.set) > time.Second {
		w.set = now
		_ = w.control.SetWriteDeadline(now.Add(stallTimeout)) // only writers of tests lack deadlines
	}
}

// probes answers requests of this host's monitoring without a password, and passes everything else to the drive:
//
//	/healthz  the process answers
//	/readyz   the drive takes requests
//	/metrics  for Prometheus
//
// They are at the drive's own port, so that only one address must be configured; Postern chooses all names in the
// drive's root, so they hide nothing. Profiles are at the control socket, since they reveal more than counts.
func probes(metrics http.Handler, ready func() error, drive http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := ready(); err != nil {
			http.Error(w, say.Sentence(err), http.StatusServiceUnavailable)
			return
		}
		_, _ = fmt.Fprintln(w, "ok")
	})
	mux.Handle("GET /metrics", metrics)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/healthz", "/readyz", "/metrics":
			if local(r) && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
				mux.ServeHTTP(w, r)
				return
			}
		}
		drive.ServeHTTP(w, r)
	})
}

// local reports whether a request was made on this machine, to this machine by number or as localhost. A proxy on the
// same machine makes strangers look local, but reveals itself in the headers; a web page whose own name resolves to
// this machine (DNS rebinding) has that name as the host.
func local(r *http.Request) bool {
	if r.Header.Get("Forwarded") != "" || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("X-Real-Ip") != "" {
		return false
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
