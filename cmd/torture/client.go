package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// requestLimit is longer than a gateway may take for any answer.
const requestLimit = 90 * time.Second

// errHang is the error of a gateway that did not answer in time, which is a failure of its own.
var errHang = errors.New("no answer within " + requestLimit.String())

// client sends WebDAV requests to one gateway, to its current process.
type client struct {
	to      *child
	http    *http.Client
	insists bool // retries for a while when an answer asks for a retry
}

// insistent returns the client for the time after all faults: the gateways have short deadlines, and data that a fault
// delayed may come late.
func (c client) insistent() *client {
	c.insists = true
	return &c
}

func newClient(to *child) *client {
	return &client{to: to,
		http: &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 4}}}
}

// reply is the answer to a request. Code 0: the outcome is unknown.
type reply struct {
	code   int
	header http.Header
	body   []byte
}

func (r reply) ok() bool      { return r.code/100 == 2 }
func (r reply) unknown() bool { return r.code == 0 }

// away reports whether the gateway could not answer for lack of the remote or of room; it must then have changed
// nothing.
func (r reply) away() bool { return r.code >= 500 }

func escaped(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// do sends one request. Its errors are failures of the gateway, never the mere end of its process.
func (c *client) do(method, path string, body []byte, header ...string) (reply, error) {
	limit := time.Now().Add(convergeLimit)
	for {
		r, err := c.once(method, path, body, header...)
		if err != nil || !c.insists || r.code != http.StatusServiceUnavailable || time.Now().After(limit) {
			return r, err
		}
		wait(pollEvery / 2)
	}
}

func (c *client) once(method, path string, body []byte, header ...string) (reply, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestLimit)
	defer cancel()
	base := "http://" + c.to.address()
	r, err := http.NewRequestWithContext(ctx, method, base+escaped(path), bytes.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	r.SetBasicAuth(davUser, davPassword)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], strings.ReplaceAll(header[i+1], "$BASE", base))
	}
	res, err := c.http.Do(r)
	if err == nil {
		c.to.pulse.beat()
		defer func() { _ = res.Body.Close() }()
		var got []byte
		if got, err = io.ReadAll(res.Body); err == nil {
			return reply{code: res.StatusCode, header: res.Header, body: got}, nil
		}
		if method == http.MethodPut || ctx.Err() == nil && method != http.MethodGet && method != "PROPFIND" {
			// The status has arrived, and counts as an answer.
			return reply{code: res.StatusCode, header: res.Header}, nil
		}
	}
	if ctx.Err() != nil {
		return reply{}, fmt.Errorf("%s %s: %w", method, path, errHang)
	}
	return reply{}, nil
}

// resource has the properties of one file or folder from PROPFIND.
type resource struct {
	path     string
	folder   bool
	etag     string
	size     int64
	modified string
	prop     string // the dead property that workers set
}

// propSpace is the namespace of the dead property.
const propSpace = "urn:torture"

const propfindBody = `<propfind xmlns="DAV:"><prop><resourcetype/><getetag/><getcontentlength/><getlastmodified/><v ` +
	`xmlns="` + propSpace + `"/></prop></propfind>`

func proppatchBody(value string) []byte {
	return []byte(`<propertyupdate xmlns="DAV:"><set><prop><v xmlns="` + propSpace + `">` + value +
		`</v></prop></set></propertyupdate>`)
}

type multistatus struct {
	Responses []struct {
		Href      string `xml:"href"`
		Propstats []struct {
			Status string `xml:"status"`
			Prop   struct {
				Type struct {
					Collection *struct{} `xml:"collection"`
				} `xml:"resourcetype"`
				ETag     string `xml:"getetag"`
				Length   string `xml:"getcontentlength"`
				Modified string `xml:"getlastmodified"`
				Value    string `xml:"urn:torture v"`
			} `xml:"prop"`
		} `xml:"propstat"`
	} `xml:"DAV: response"`
}

// list returns a folder's members, without the folder itself.
func (c *client) list(path string) ([]resource, reply, error) {
	r, err := c.do("PROPFIND", path, []byte(propfindBody), "Depth", "1")
	if err != nil || r.code != http.StatusMultiStatus {
		return nil, r, err
	}
	var m multistatus
	if err := xml.Unmarshal(r.body, &m); err != nil {
		return nil, r, fmt.Errorf("PROPFIND %s: %w in %.300q", path, err, r.body)
	}
	var all []resource
	for _, x := range m.Responses {
		u, err := url.Parse(x.Href)
		if err != nil {
			return nil, r, fmt.Errorf("PROPFIND %s: %w", path, err)
		}
		one := resource{path: strings.TrimSuffix(u.Path, "/")}
		if one.path == strings.TrimSuffix(path, "/") {
			continue
		}
		for _, p := range x.Propstats {
			if !strings.Contains(p.Status, " 200 ") {
				continue
			}
			one.folder = one.folder || p.Prop.Type.Collection != nil
			one.etag, one.modified, one.prop = p.Prop.ETag, p.Prop.Modified, p.Prop.Value
			if one.size, err = strconv.ParseInt(p.Prop.Length, 10, 64); err != nil && !one.folder {
				return nil, r, fmt.Errorf("PROPFIND %s: %s has the length %q", path, one.path, p.Prop.Length)
			}
		}
		all = append(all, one)
	}
	return all, r, nil
}

// walk lists everything below a folder. The reply is the first that is not a listing.
func (c *client) walk(path string) (map[string]resource, reply, error) {
	all := map[string]resource{}
	folders := []string{path}
	for len(folders) > 0 {
		at := folders[0]
		folders = folders[1:]
		members, r, err := c.list(at)
		if err != nil || r.code != http.StatusMultiStatus {
			return all, r, err
		}
		for _, m := range members {
			if _, twice := all[m.path]; twice {
				return all, r, fmt.Errorf("%s is listed twice", m.path)
			}
			all[m.path] = m
			if m.folder {
				folders = append(folders, m.path)
			}
		}
	}
	return all, reply{code: http.StatusMultiStatus}, nil
}
