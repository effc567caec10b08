package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"postern/crypto/alloctest"
	"postern/remote/transfer"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/people"
	"postern/vfs/pin"
)

// willing accepts every order.
type willing struct{}

func (willing) Status(context.Context) (Status, error)          { return Status{}, nil }
func (willing) Rekey(context.Context) error                     { return nil }
func (willing) Flush(context.Context) error                     { return nil }
func (willing) Inspect(context.Context, string) ([]Fact, error) { return nil, nil }
func (willing) Collect(_ context.Context, _ CollectOrder, tell Tell) (gc.Report, error) {
	tell(Progress{})
	return gc.Report{}, nil
}
func (willing) Check(context.Context, CheckOrder, Tell) (fsck.Report, error) {
	return fsck.Report{}, nil
}
func (willing) Fork(context.Context, bool) (Fork, error)            { return Fork{}, nil }
func (willing) Versions(context.Context, string) ([]Version, error) { return nil, nil }
func (willing) Restore(context.Context, string, string, bool) error { return nil }
func (willing) Read(context.Context, string, io.Writer) error       { return nil }
func (willing) List(context.Context, string) ([]Version, error)     { return nil, nil }
func (willing) Locks(context.Context) ([]Lock, error)               { return nil, nil }
func (willing) Break(context.Context, string) ([]Lock, error)       { return nil, nil }
func (willing) Pin(context.Context, string, Tell) (pin.Status, error) {
	return pin.Status{}, nil
}
func (willing) Unpin(context.Context, string) (pin.Status, error) { return pin.Status{}, nil }
func (willing) Pinned(context.Context) (pin.Status, error)        { return pin.Status{}, nil }
func (willing) Export(context.Context, ExportOrder, Tell) (transfer.Progress, error) {
	return transfer.Progress{}, nil
}
func (willing) Import(context.Context, string, Tell) (transfer.Progress, error) {
	return transfer.Progress{}, nil
}

func (willing) Me(context.Context) (people.Me, error)               { return people.Me{}, nil }
func (willing) Devices(context.Context) ([]people.Device, error)    { return nil, nil }
func (willing) RenameDevice(context.Context, RenameOrder) error     { return nil }
func (willing) ClaimName(context.Context, string) (string, error)   { return "", nil }
func (willing) Friends(context.Context) ([]people.Friend, error)    { return nil, nil }
func (willing) Shares(context.Context) (people.Shares, error)       { return people.Shares{}, nil }
func (willing) LeaveShare(context.Context, string) error            { return nil }
func (willing) Links(context.Context) ([]people.Link, error)        { return nil, nil }
func (willing) OpenLink(context.Context, OpenOrder) (string, error) { return "", nil }
func (willing) RevokeLink(context.Context, string) error            { return nil }
func (willing) AddFriend(context.Context, string) (people.Friend, error) {
	return people.Friend{}, nil
}
func (willing) AcceptFriend(context.Context, string) (people.Friend, error) {
	return people.Friend{}, nil
}
func (willing) EndFriend(context.Context, string, people.State) (people.Friend, error) {
	return people.Friend{}, nil
}
func (willing) GroupFriend(context.Context, string, string, bool) (people.Friend, error) {
	return people.Friend{}, nil
}
func (willing) TrustFriend(context.Context, string) (people.Friend, error) {
	return people.Friend{}, nil
}
func (willing) Share(context.Context, ShareOrder) (people.Share, error)   { return people.Share{}, nil }
func (willing) Unshare(context.Context, ShareOrder) (people.Share, error) { return people.Share{}, nil }
func (willing) Changes(context.Context, string) ([]people.Change, error)  { return nil, nil }
func (willing) CreateLink(context.Context, LinkOrder) (people.Link, error) {
	return people.Link{}, nil
}

// tasks are the questions that come with a body.
var tasks = []string{"/collect", "/check", "/fork", "/versions", "/list", "/restore", "/locks", "/break", "/pin",
	"/unpin", "/pinned", "/export", "/import", "/me", "/name", "/devices", "/devices/rename", "/friends",
	"/friends/add", "/friends/accept",
	"/friends/end", "/friends/trust", "/shares", "/shares/add", "/shares/end", "/shares/leave", "/links", "/links/add",
	"/links/open", "/links/end", "/changes"}

// FuzzQuestion: a body is answered by lines of JSON, of which the last is the end, or by an error as JSON.
func FuzzQuestion(f *testing.F) {
	f.Add(uint8(0), []byte(`{"DryRun":true,"Grace":-1}`))
	f.Add(uint8(5), []byte(`{"From":"/a","To":"/b","Replace":false}`))
	f.Add(uint8(7), []byte(`"/files/a"`))
	f.Add(uint8(11), []byte(`{"File":"/x","Base":"AAAA","Login":null}`))
	f.Add(uint8(1), []byte(`[[[[`))
	handler := Handler(willing{}, nil)
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		alloctest.Check(t, len(body), func() {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest(http.MethodPost, tasks[int(which)%len(tasks)], bytes.NewReader(body)))
			var last struct {
				Error string
				Done  bool
			}
			lines := json.NewDecoder(w.Body)
			for {
				if err := lines.Decode(&last); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%d: %v", w.Code, err)
				}
			}
			if last.Done != (w.Code == http.StatusOK) || (last.Error == "") != last.Done {
				t.Fatalf("%d: %+v", w.Code, last)
			}
		})
	})
}

// saying answers every question alike.
type saying struct {
	code int
	body []byte
}

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: s.code, Status: http.StatusText(s.code),
		Body: io.NopCloser(bytes.NewReader(s.body))}, nil
}

// FuzzAnswer: whatever a gateway of another version answers, a command ends with a result or an error.
func FuzzAnswer(f *testing.F) {
	f.Add(true, []byte(`{"running":true,"pending":{"changes":1}}`))
	f.Add(true, []byte(`{"progress":{"items":1}}`+"\n"+`{"done":true,"result":{"deleted":{"blobs":1}}}`))
	f.Add(true, []byte(`{"done":true,"error":"why"}`))
	f.Add(false, []byte(`{"error":"why"}`))
	f.Add(false, []byte(`{`))
	f.Fuzz(func(t *testing.T, ok bool, body []byte) {
		alloctest.Check(t, len(body), func() {
			c := &Client{http: &http.Client{Transport: saying{http.StatusOK, body}}}
			if !ok {
				c.http.Transport = saying{http.StatusInternalServerError, body}
			}
			_, asked := c.Status(t.Context())
			_, tasked := c.Collect(t.Context(), CollectOrder{}, Quiet)
			_, listed := c.List(t.Context(), "/")
			if !ok && (asked == nil || tasked == nil || listed == nil) {
				t.Fatalf("a failure is taken for success: %v, %v, %v", asked, tasked, listed)
			}
		})
	})
}
