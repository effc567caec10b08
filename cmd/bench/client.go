package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
)

// client sends the same requests to any server.
type client struct {
	s    *server
	http *http.Client
}

const propfindBody = `<?xml version="1.0" encoding="utf-8"?><D:propfind xmlns:D="DAV:">` +
	`<D:prop><D:resourcetype/><D:getcontentlength/><D:getlastmodified/><D:getetag/></D:prop></D:propfind>`

// do sends one request and copies the answer to w; any status but 2xx is an error.
func (c client) do(ctx context.Context, method, path, headers string, body io.Reader, size int64, w io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, method, c.s.base+path, body)
	if err != nil {
		return err
	}
	req.ContentLength = size
	if c.s.user != "" {
		req.SetBasicAuth(c.s.user, c.s.password)
	}
	for line := range strings.Lines(headers) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		req.Header.Set(name, value)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{w}, resp.Body, make([]byte, 256<<10))
	return err
}

func (c client) put(ctx context.Context, path string, body io.Reader, size int64) error {
	return c.do(ctx, http.MethodPut, path, "", body, size, io.Discard)
}

func (c client) get(ctx context.Context, path, byteRange string) error {
	headers := ""
	if byteRange != "" {
		headers = "Range: " + byteRange
	}
	return c.do(ctx, http.MethodGet, path, headers, nil, 0, io.Discard)
}

func (c client) propfind(ctx context.Context, path, depth string, w io.Writer) error {
	headers := "Depth: " + depth + "\nContent-Type: application/xml"
	return c.do(ctx, "PROPFIND", path, headers, strings.NewReader(propfindBody), int64(len(propfindBody)), w)
}

// putSmall makes n files, all at once.
func (c client) putSmall(ctx context.Context, name string, n int) error {
	body := make([]byte, smallSize)
	_, _ = newNoise(smallSize).Read(body)
	return inParallel(ctx, n, func(ctx context.Context, i int) error {
		return c.put(ctx, fmt.Sprintf(name, i), bytes.NewReader(body), smallSize)
	})
}

// noise yields bytes that can't be compressed, at memory speed: one random block over and over, at shifting offsets.
type noise struct {
	block []byte
	left  int64
	at    int
}

func newNoise(size int64) *noise {
	block := make([]byte, 1<<20)
	random := rand.NewChaCha8([32]byte{1})
	_, _ = random.Read(block)
	return &noise{block: block, left: size}
}

func (n *noise) Read(p []byte) (int, error) {
	if n.left == 0 {
		return 0, io.EOF
	}
	count := copy(p[:min(int64(len(p)), n.left)], n.block[n.at:])
	n.at = (n.at + count + 4099) % (len(n.block) - 1)
	n.left -= int64(count)
	return count, nil
}
