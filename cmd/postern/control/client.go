package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"syscall"

	"postern/cmd/postern/say"
	"postern/remote/transfer"
	"postern/vfs/fsck"
	"postern/vfs/gc"
	"postern/vfs/pin"
)

// ErrNotRunning says that no gateway listens at the socket.
var ErrNotRunning = errors.New("no gateway is running on this home")

// maxAnswer is the most that a client reads of one answer, in bytes.
const maxAnswer = 1 << 20

// Client sends requests to a running gateway. It implements Gateway.
type Client struct {
	http *http.Client
}

// NewClient returns a client for the socket at path. It does not check whether a gateway listens there.
func NewClient(path string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		DisableKeepAlives: true, // one request per command
	}}}
}

// Status implements Gateway. Like all calls, it returns ErrNotRunning when no gateway listens.
func (c *Client) Status(ctx context.Context) (status Status, err error) {
	err = c.ask(ctx, http.MethodGet, "/status", &status)
	return status, err
}

// Rekey implements Gateway.
func (c *Client) Rekey(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/rekey", &struct{}{})
}

// Flush implements Gateway.
func (c *Client) Flush(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/flush", &struct{}{})
}

// Inspect implements Gateway.
func (c *Client) Inspect(ctx context.Context, what string) (facts []Fact, err error) {
	err = c.ask(ctx, http.MethodGet, "/inspect?what="+url.QueryEscape(what), &facts)
	return facts, err
}

// Collect implements Keeper.
func (c *Client) Collect(ctx context.Context, o CollectOrder, tell Tell) (gc.Report, error) {
	return task[gc.Report](ctx, c, "/collect", o, tell)
}

// Check implements Keeper.
func (c *Client) Check(ctx context.Context, o CheckOrder, tell Tell) (fsck.Report, error) {
	return task[fsck.Report](ctx, c, "/check", o, tell)
}

// Fork implements Keeper.
func (c *Client) Fork(ctx context.Context, accept bool) (Fork, error) {
	return task[Fork](ctx, c, "/fork", accept, Quiet)
}

// Versions implements Historian.
func (c *Client) Versions(ctx context.Context, path string) (all []Version, err error) {
	return task[[]Version](ctx, c, "/versions", path, Quiet)
}

// List implements Historian.
func (c *Client) List(ctx context.Context, path string) (all []Version, err error) {
	return task[[]Version](ctx, c, "/list", path, Quiet)
}

// Restore implements Historian.
func (c *Client) Restore(ctx context.Context, from, to string, replace bool) error {
	_, err := task[struct{}](ctx, c, "/restore", restoring{from, to, replace}, Quiet)
	return err
}

// Read implements Historian.
func (c *Client) Read(ctx context.Context, path string, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, "/read?path="+url.QueryEscape(path), nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("%s could not be read to its end: %w", path, err)
	}
	return nil
}

// Locks implements Locksmith.
func (c *Client) Locks(ctx context.Context) (all []Lock, err error) {
	return task[[]Lock](ctx, c, "/locks", struct{}{}, Quiet)
}

// Break implements Locksmith.
func (c *Client) Break(ctx context.Context, what string) (broken []Lock, err error) {
	return task[[]Lock](ctx, c, "/break", what, Quiet)
}

// Pin implements Pins.
func (c *Client) Pin(ctx context.Context, path string, tell Tell) (pin.Status, error) {
	return task[pin.Status](ctx, c, "/pin", path, tell)
}

// Unpin implements Pins.
func (c *Client) Unpin(ctx context.Context, path string) (pin.Status, error) {
	return task[pin.Status](ctx, c, "/unpin", path, Quiet)
}

// Pinned implements Pins.
func (c *Client) Pinned(ctx context.Context) (pin.Status, error) {
	return task[pin.Status](ctx, c, "/pinned", struct{}{}, Quiet)
}

// Export implements Carrier.
func (c *Client) Export(ctx context.Context, o ExportOrder, tell Tell) (transfer.Progress, error) {
	return task[transfer.Progress](ctx, c, "/export", o, tell)
}

// Import implements Carrier.
func (c *Client) Import(ctx context.Context, file string, tell Tell) (transfer.Progress, error) {
	return task[transfer.Progress](ctx, c, "/import", file, tell)
}

func (c *Client) ask(ctx context.Context, method, path string, into any) error {
	resp, err := c.send(ctx, method, path, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the running gateway broke off its answer: %w", err)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the running gateway's answer can't be read (is it of another version?): %w", err)
	}
	return nil
}

// send sends a request and returns the response, unless that is a failure.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://postern"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// A killed gateway leaves a socket file without a listener.
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return nil, ErrNotRunning
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, fmt.Errorf("can't ask the running gateway: %w", err)
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("the running gateway broke off its answer: %w", err)
	}
	var f failure
	if err := json.Unmarshal(said, &f); err != nil || f.Error == "" {
		return nil, fmt.Errorf("the running gateway answered %s; is it of another version?", resp.Status)
	}
	return nil, say.Told(f.Error, f.Whole)
}
