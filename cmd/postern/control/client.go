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
)

// ErrNotRunning says that no gateway listens at the socket.
var ErrNotRunning = errors.New("no gateway is running on this home")

// maxAnswer bounds what a client reads of one answer, in bytes.
const maxAnswer = 1 << 20

// Client asks a running gateway. It implements Gateway.
type Client struct {
	http *http.Client
}

// NewClient makes a client for the socket at path. It does not look whether anybody listens.
func NewClient(path string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, path) },
		DisableKeepAlives: true, // one question per command
	}}}
}

// Status implements Gateway. ErrNotRunning when nobody listens, as for the other calls.
func (c *Client) Status(ctx context.Context) (status Status, err error) {
	err = c.ask(ctx, http.MethodGet, "/status", &status)
	return status, err
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

func (c *Client) ask(ctx context.Context, method, path string, into any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://postern"+path, nil)
	if err != nil {
		return err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		// A file that nobody listens behind is what a killed gateway leaves.
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			return ErrNotRunning
		}
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return fmt.Errorf("can't ask the running gateway: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the running gateway broke off its answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var f failure
		if err := json.Unmarshal(body, &f); err != nil || f.Error == "" {
			return fmt.Errorf("the running gateway answered %s; is it of another version?", resp.Status)
		}
		return errors.New(f.Error)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("the running gateway's answer can't be read (is it of another version?): %w", err)
	}
	return nil
}
