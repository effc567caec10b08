package main

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"postern/crypto"
)

// TestStalled: a run without answers fails, a slow one does not.
func TestStalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p pulse
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		found := make(chan error, 1)
		go func() { found <- p.stalled(ctx, stallLimit) }()
		for range 20 {
			wait(stallLimit * 3 / 4)
			p.beat()
		}
		select {
		case err := <-found:
			t.Fatalf("a slow run: %v", err)
		default:
		}
		from := time.Now()
		if err := <-found; !errors.Is(err, errStalled) {
			t.Fatalf("a stalled run: %v", err)
		}
		if took := time.Since(from); took > 2*stallLimit {
			t.Errorf("that was noticed after %v", took)
		}
	})
}

// TestPossibleStates: the number of possible states stays bounded after many unknown outcomes, and returns to one after
// an observation.
func TestPossibleStates(t *testing.T) {
	seen := false
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPut:
			panic(http.ErrAbortHandler) // the connection breaks
		case !seen:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusMultiStatus)
			_, _ = fmt.Fprint(w, `<multistatus xmlns="DAV:"/>`)
		}
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	record := newRecord()
	c := newChild(setup{}, "", &record.pulse)
	c.setAddress(strings.TrimPrefix(server.URL, "http://"))
	w := &worker{client: newClient(c), record: record, shared: newShared(), own: newOwned("/own")}
	put := func(n int) {
		t.Helper()
		if err := w.run(task{verb: putFile, path: fmt.Sprintf("/own/%d", n), size: 100},
			rand.New(rand.NewPCG(1, 1))); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 12 {
		put(n)
	}
	if n := len(w.own.states); n < 2 || n > 2*maxStates {
		t.Errorf("%d states are possible", n)
	}
	seen = true
	if err := w.lookAround(true); err != nil || len(w.own.states) != 1 {
		t.Errorf("%d states are possible of an empty folder, %v", len(w.own.states), err)
	}
}

// TestForgotten: claims that hold no longer take no room.
func TestForgotten(t *testing.T) {
	s := newShared()
	for n := range uint32(1000) {
		c := s.begin(0, id{1, n}, "/s/a")
		s.end(c, reply{code: 201})
		if n > 0 {
			s.takeFile(id{1, n - 1}, "/s/a")
		}
	}
	if v, err := s.check(map[string]id{"/s/a": {1, 999}}); err != nil || v.gone != 999 || s.size() != 1 {
		t.Errorf("%+v, %v, %d claims", v, err, s.size())
	}
}

// TestDump: a gateway that hangs leaves in its log what it waited for.
func TestDump(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: starts a process")
	}
	if runtime.GOOS == "windows" {
		t.Skip("no process can be asked for its stacks there")
	}
	dir, url := t.TempDir(), "disk:"+filepath.Join(t.TempDir(), "remote")
	secret := crypto.AccountSecret{1}
	if err := found(t.Context(), dir, url, secret, crand.Reader); err != nil {
		t.Fatal(err)
	}
	r := &run{record: newRecord()}
	r.childs[0] = newChild(setup{Home: homeOf(dir, 0), Remote: url, Account: hex.EncodeToString(secret[:])}, dir,
		&r.record.pulse)
	if err := r.childs[0].start(); err != nil {
		t.Fatal(err)
	}
	defer r.killAll()
	// The stacks lack that of a goroutine which is running: after this answer the gateway waits for requests.
	if _, err := r.childs[0].flush(time.Minute); err != nil {
		t.Fatal(err)
	}
	r.dump()
	log, err := os.ReadFile(filepath.Join(dir, "gateway0.log"))
	if err != nil || !strings.Contains(string(log), "serveGateway(") || !strings.Contains(string(log), "gateway.Serve(") {
		t.Errorf("the log holds no stacks: %v %.300s", err, log)
	}
}
