package dav_test

import (
	"strings"
	"testing"
)

// TestSandbox: only sound and film that browsers play have the drive's origin, and only PDFs have no sandbox. Files of
// all other types are shown in a sandbox.
func TestSandbox(t *testing.T) {
	for contentType, want := range map[string]string{
		"video/mp4": "sandbox allow-same-origin;", "Video/MP4; codecs=avc1": "sandbox allow-same-origin;",
		"audio/mpeg":      "sandbox allow-same-origin;",
		"application/pdf": "", "application/pdf; version=1.7": "",
		"video/x+xml": "sandbox;", "audio/svg+xml": "sandbox;", "video/html": "sandbox;", "audio/": "sandbox;",
		"video":     "sandbox;",
		"text/html": "sandbox;", "image/svg+xml": "sandbox;", "application/xhtml+xml": "sandbox;",
		"application/pdfx": "sandbox;",
		"application/xml":  "sandbox;", "text/xml": "sandbox;", "x/y": "sandbox;", "application/pdf, text/html": "sandbox;",
		"": "sandbox;",
	} {
		d := newDrive(t)
		d.do("PUT", "/files/f", "x", "Content-Type: "+contentType).want(201)
		a := d.do("GET", "/files/f", "").want(200).with("X-Content-Type-Options: nosniff")
		if policy := a.header.Get("Content-Security-Policy"); want == "" && policy != "" || !strings.HasPrefix(policy, want) {
			t.Errorf("%q has the policy %q, want %q", contentType, policy, want)
		}
	}
}
