package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/pprof"
)

// Handler answers for a gateway. metrics may be nil.
func Handler(g Gateway, metrics http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, r *http.Request) {
		status, err := g.Status(r.Context())
		answer(w, status, err)
	})
	mux.HandleFunc("POST /flush", func(w http.ResponseWriter, r *http.Request) {
		answer(w, struct{}{}, g.Flush(r.Context()))
	})
	mux.HandleFunc("GET /inspect", func(w http.ResponseWriter, r *http.Request) {
		facts, err := g.Inspect(r.Context(), r.URL.Query().Get("what"))
		answer(w, facts, err)
	})
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

// failure is how an error travels: as the sentence that the command then prints.
type failure struct {
	Error string `json:"error"`
}

func answer(w http.ResponseWriter, value any, err error) {
	w.Header().Set("Content-Type", "application/json")
	code := http.StatusOK
	if err != nil {
		code, value = http.StatusInternalServerError, failure{err.Error()}
		if errors.Is(err, context.Canceled) {
			return // nobody is there any more
		}
	}
	body, err := json.Marshal(value)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the gateway's answer can't be encoded"}`)
	}
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // a client that went away needs no answer
}
