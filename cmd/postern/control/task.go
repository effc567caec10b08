package control

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"postern/cmd/postern/say"
)

// maxResult is the most that a client reads of one line of a task's response, in bytes: the report of ten thousand
// damaged paths is far below.
const maxResult = 64 << 20

// tellEvery is how often a task's progress is sent: often enough to look alive, rarely enough to cost nothing.
const tellEvery = 200 * time.Millisecond

// Progress is how far long work is. Unknown figures are 0.
type Progress struct {
	What       string `json:"what"`  // of the items: "blobs copied", "parts checked"
	Items      int64  `json:"items"` // blobs, or parts of files
	TotalItems int64  `json:"total_items,omitempty"`
	Bytes      int64  `json:"bytes"`
	Skipped    int64  `json:"skipped_bytes,omitempty"` // of Bytes, those that were there already
	TotalBytes int64  `json:"total_bytes,omitempty"`
}

// Tell receives progress now and then, from several goroutines. It must not be nil.
type Tell func(Progress)

// Quiet drops all progress.
func Quiet(Progress) {}

// step is one line of the response to a task: progress, or at the end the result. An error may come with a result of
// the work done until then.
type step struct {
	Progress *Progress       `json:"progress,omitempty"`
	Result   json.RawMessage `json:"result,omitempty"`
	Done     bool            `json:"done,omitempty"`
	failure
}

// handleTask serves a request that may take long. The response is lines of JSON, one for each step.
func handleTask[In, Out any](mux *http.ServeMux, path string, do func(context.Context, In, Tell) (Out, error)) {
	mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var in In
		if err := json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(&in); err != nil {
			answer(w, nil, fmt.Errorf("the question can't be read (is it of another version?): %w", err))
			return
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		var mu sync.Mutex
		var told time.Time
		lines, flush := json.NewEncoder(w), http.NewResponseController(w).Flush
		send := func(s step) {
			if lines.Encode(s) == nil { // a client that went away ends the work by its context
				_ = flush()
			}
		}
		out, err := do(r.Context(), in, func(p Progress) {
			mu.Lock()
			defer mu.Unlock()
			if now := time.Now(); now.Sub(told) >= tellEvery {
				told = now
				send(step{Progress: &p})
			}
		})
		last := step{Done: true}
		if err != nil {
			last.failure = failureOf(err)
		}
		if last.Result, err = json.Marshal(out); err != nil {
			last = step{Done: true, failure: failure{Error: "the gateway's answer can't be encoded"}}
		}
		mu.Lock()
		defer mu.Unlock()
		send(last)
	})
}

// task sends a request that may take long.
func task[Out any](ctx context.Context, c *Client, path string, in any, tell Tell) (out Out, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return out, err
	}
	resp, err := c.send(ctx, http.MethodPost, path, bytes.NewReader(body))
	if err != nil {
		return out, err
	}
	defer func() { _ = resp.Body.Close() }()
	lines := json.NewDecoder(io.LimitReader(resp.Body, maxResult))
	for {
		var s step
		if err := lines.Decode(&s); err != nil {
			return out, fmt.Errorf("the running gateway broke off its answer: %w", err)
		}
		if s.Progress != nil {
			tell(*s.Progress)
		}
		if !s.Done {
			continue
		}
		if len(s.Result) > 0 {
			err = json.Unmarshal(s.Result, &out)
		}
		switch {
		case s.Error != "":
			return out, say.Told(s.Error, s.Whole)
		case err != nil:
			return out, fmt.Errorf("the running gateway's answer can't be read (is it of another version?): %w", err)
		}
		return out, nil
	}
}
