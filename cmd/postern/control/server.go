package control

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/pprof"

	"postern/cmd/postern/say"
	"postern/vfs/pin"
)

// Handler answers for a gateway. metrics may be nil.
func Handler(g Gateway, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := g.Status(r.Context())
		answer(w, status, err)
	})
	mux.HandleFunc("POST /rekey", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, g.Rekey(r.Context()))
	})
	mux.HandleFunc("POST /flush", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, g.Flush(r.Context()))
	})
	mux.HandleFunc("GET /inspect", func(w http.ResponseWriter, r *http.Request) {
		facts, err := g.Inspect(r.Context(), r.URL.Query().Get("what"))
		answer(w, facts, err)
	})
	handleTask(mux, "/collect", g.Collect)
	handleTask(mux, "/check", g.Check)
	handleTask(mux, "/fork", quick(g.Fork))
	handleTask(mux, "/versions", quick(g.Versions))
	handleTask(mux, "/list", quick(g.List))
	handleTask(mux, "/restore", quick(func(ctx context.Context, r restoring) (struct{}, error) {
		return struct{}{}, g.Restore(ctx, r.From, r.To, r.Replace)
	}))
	mux.HandleFunc("GET /read", func(w http.ResponseWriter, r *http.Request) {
		out := &begun{Writer: w}
		if err := g.Read(r.Context(), r.URL.Query().Get("path"), out); err != nil {
			if out.any {
				panic(http.ErrAbortHandler) // so that the client sees that the end is missing
			}
			answer(w, nil, err)
		}
	})
	handleTask(mux, "/locks", quick(func(ctx context.Context, _ struct{}) ([]Lock, error) { return g.Locks(ctx) }))
	handleTask(mux, "/break", quick(g.Break))
	handleTask(mux, "/pin", g.Pin)
	handleTask(mux, "/unpin", quick(g.Unpin))
	handleTask(mux, "/pinned", quick(func(ctx context.Context, _ struct{}) (pin.Status, error) { return g.Pinned(ctx) }))
	handleTask(mux, "/export", g.Export)
	handleTask(mux, "/import", g.Import)
	handlePeople(mux, g)
	if metrics != nil {
		mux.Handle("GET /metrics", metrics)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// restoring is the order of Restore.
type restoring struct {
	From, To string
	Replace  bool
}

// quick is a task without progress.
func quick[In, Out any](do func(context.Context, In) (Out, error)) func(context.Context, In, Tell) (Out, error) {
	return func(ctx context.Context, in In, _ Tell) (Out, error) { return do(ctx, in) }
}

// begun notes whether anything was written.
type begun struct {
	io.Writer
	any bool
}

func (b *begun) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil // it would send the header
	}
	b.any = true
	return b.Writer.Write(p)
}

// failure is an error on its way to the client, in the words that the command prints: only the gateway knows its kind.
type failure struct {
	Error string `json:"error,omitempty"` // the sentence
	Whole string `json:"whole,omitempty"` // with all causes, for --verbose; empty: there is no more to say
}

func failureOf(err error) failure {
	f := failure{Error: say.Sentence(err), Whole: say.Whole(err)}
	if f.Whole == f.Error {
		f.Whole = ""
	}
	return f
}

func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	code := http.StatusOK
	if err != nil {
		code, value = http.StatusInternalServerError, failureOf(err)
		if errors.Is(err, context.Canceled) {
			return // the client is gone
		}
	}
	body, err := json.Marshal(value)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the gateway's answer can't be encoded"}`)
	}
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // a client that went away needs no answer
}
