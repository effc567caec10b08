package drive

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
)

// waitingGateway is one whose changes do not get to the remote until its states are used up.
type waitingGateway struct {
	control.Gateway
	states []control.Status
	done   chan struct{}
}

func (g *waitingGateway) Flush(ctx context.Context) error {
	select {
	case <-g.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *waitingGateway) Status(context.Context) (control.Status, error) {
	if len(g.states) == 0 {
		close(g.done)
		return control.Status{}, nil
	}
	s := g.states[0]
	g.states = g.states[1:]
	return s, nil
}

// TestFlushSaysWhatItWaitsFor: once for each cause, and it does not wait for what never comes.
func TestFlushSaysWhatItWaitsFor(t *testing.T) {
	away, full := control.Status{Remote: "disk:/r"}, control.Status{Remote: "disk:/r"}
	away.Commit.Offline, away.Commit.Reason, away.Pending.Changes = time.Now(), "not reachable", 2
	full.Commit.Full, full.Commit.LastError = true, "no space left"
	blocked := control.Status{Remote: "disk:/r"}
	blocked.Commit.Blocked = "older than what was seen before"
	for name, tt := range map[string]struct {
		states []control.Status
		says   []string
		fails  string
	}{
		"nothing in the way": {nil, nil, ""},
		"away": {[]control.Status{away, away, away},
			[]string{"the remote disk:/r is away since", "2 changes"}, ""},
		"full":    {[]control.Status{away, full}, []string{"is away", "is full"}, ""},
		"blocked": {[]control.Status{away, blocked, away}, []string{"is away"}, "not as it was (older than"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := os.Create(filepath.Join(t.TempDir(), "err"))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = out.Close() }()
			synctest.Test(t, func(t *testing.T) {
				p := &command.Program{Terminal: command.Terminal{Err: out}}
				failed := awaitFlush(t.Context(), p, &waitingGateway{states: tt.states, done: make(chan struct{})})
				if (failed != nil) != (tt.fails != "") || failed != nil && !strings.Contains(failed.Error(), tt.fails) {
					t.Errorf("it ends with %v", failed)
				}
			})
			said, err := os.ReadFile(out.Name())
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.says {
				if strings.Count(string(said), want) != 1 {
					t.Errorf("%q is not said once: %s", want, said)
				}
			}
			if len(tt.says) == 0 && len(said) > 0 {
				t.Errorf("it says %s", said)
			}
		})
	}
}
