package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"postern/cmd/postern/control"
	"postern/remote"
	"postern/remote/faulty"
	"postern/remote/mem"
	"postern/remote/verify"
	"postern/vfs/pin"
)

// pin pins a path as the command does.
func (m *many) pin(path string) pin.Status {
	m.t.Helper()
	status, err := (&gateway{drive: m.drive}).Pin(m.t.Context(), path, control.Quiet)
	if err != nil {
		m.t.Fatal(err)
	}
	return status
}

// pinned returns the status of a pinned path.
func pinned(t *testing.T, s pin.Status, path string) pin.PathStatus {
	t.Helper()
	for _, at := range s.Paths {
		if at.Path == path {
			return at
		}
	}
	t.Fatalf("%s is not pinned: %+v", path, s)
	return pin.PathStatus{}
}

// TestPinMounted pins folders that hold other spaces or lie in them. What lies there is kept, also after later commits.
// A pin follows its folder into another space, and is there after a restart.
func TestPinMounted(t *testing.T) {
	m := newMany(t, remote.Deadlines{Commit: time.Millisecond})
	m.addBoth()
	film := string(noise(300_000))
	for _, folder := range []string{"/files/d/", x + "/d/"} {
		m.want(http.StatusCreated, "MKCOL", folder, "")
	}
	for _, path := range []string{"/files/film", "/files/d/film", team + "/film", x + "/film", x + "/d/film"} {
		m.want(http.StatusCreated, "PUT", path, film)
	}
	m.flush()
	if at := pinned(t, m.pin("/files"), "/files"); !at.Complete() || at.Bytes < 3*300_000 {
		t.Errorf("%+v", at)
	}
	if at := pinned(t, m.pin(x+"/d/"), x+"/d"); !at.Complete() || at.Bytes < 300_000 {
		t.Errorf("%+v", at)
	}
	m.want(http.StatusCreated, "PUT", team+"/later", film)
	m.flush()
	if at := pinned(t, m.pin("/files/d"), "/files"); !at.Complete() || at.Bytes < 4*300_000 {
		t.Errorf("after a commit: %+v", at)
	}
	m.want(http.StatusCreated, "MOVE", "/files/d", "", "Destination", to(x+"/moved"))
	m.flush()
	m.reopen()
	if at := pinned(t, m.pin(x+"/moved"), x+"/moved"); !at.Complete() || at.Absent || at.Bytes < 300_000 {
		t.Errorf("moved to another space: %+v", at)
	}
	status := m.pin("/shared")
	if at := pinned(t, status, "/shared"); len(status.Paths) != 4 || !at.Complete() || at.Bytes < 3*300_000 {
		t.Errorf("%+v", status)
	}
}

// TestPinFailingSpace: what is pinned elsewhere is kept although a space below a pinned folder is unreachable, and the
// status names that space in one line.
func TestPinFailingSpace(t *testing.T) {
	m := newMany(t, remote.Deadlines{Commit: time.Millisecond})
	away := faulty.New(mem.New(), nil, faulty.Options{})
	far, err := pin.NewStore(t.Context(), verify.New(away, &verify.MemoryPins{}), mem.New(), pin.StoreOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // the drive is closed later, so its pins have to end first
		m.drive.pins.Close()
		if err := far.Close(); err != nil {
			t.Error(err)
		}
	})
	m.add(team, 2, m.kept)
	m.add("/files/far", 4, far)
	if f := m.status().Failing; len(f) > 0 {
		t.Errorf("%+v is failing", f)
	}
	film := string(noise(300_000))
	for _, path := range []string{"/files/film", team + "/film", "/files/far/film"} {
		m.want(http.StatusCreated, "PUT", path, film)
	}
	m.flush()
	away.SetPlan(faulty.Always(faulty.Fail))
	if err := m.pins.Pin("/files"); err != nil {
		t.Fatal(err)
	}
	if at := pinned(t, m.pin(team), team); !at.Complete() || at.Bytes < 300_000 {
		t.Errorf("%+v", at)
	}
	m.await("the failure of the space", 20*time.Second, func() bool { return m.pins.Status().Failed != "" })
	status := m.pins.Status()
	if !strings.HasPrefix(status.Failed, "fetch /files/far: ") || strings.Contains(status.Failed, "\n") {
		t.Errorf("it says %q", status.Failed)
	}
	if at := pinned(t, status, "/files"); at.Complete() {
		t.Errorf("%+v", at)
	}
	away.SetPlan(nil)
	if at := pinned(t, m.pin("/files"), "/files"); !at.Complete() || at.Bytes < 3*300_000 {
		t.Errorf("afterwards: %+v", at)
	}
}
