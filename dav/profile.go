package dav

import (
	"net/http"
	"strconv"
	"strings"
)

// profile has the special needs of a client, only in points that the protocol leaves open. CLIENTS.md has the reason
// for each.
type profile struct {
	finder   bool // macOS's webdavfs
	noQuota  bool // macOS 15.4 and later hang for 90 s when a mount answers quota properties
	windows  bool // the WebClient service ("mini-redirector")
	lean     bool // asks for all properties and uses the basic ones
	clearsUp bool // deletes the target of an upload that failed or left other content
}

// utf8Only reports whether the client's system supports only Unicode names. It gets replacement characters for other
// bytes.
func (p profile) utf8Only() bool { return p.windows || p.finder }

func profileOf(r *http.Request) profile {
	agent := r.UserAgent()
	var p profile
	switch {
	case strings.HasPrefix(agent, "WebDAVFS/"), strings.HasPrefix(agent, "WebDAVLib/"):
		p.finder = true
		p.noQuota = darwinAtLeast(agent, 24, 4)
	case strings.HasPrefix(agent, "Microsoft-WebDAV-MiniRedir/"):
		p.windows = true
		p.lean = true
	case strings.HasPrefix(agent, "rclone/"):
		p.lean = true
		p.clearsUp = true
	}
	return p
}

// darwinAtLeast parses "WebDAVFS/3.0.0 (03008000) Darwin/24.4.0 (arm64)".
func darwinAtLeast(agent string, major, minor int) bool {
	_, version, ok := strings.Cut(agent, "Darwin/")
	if !ok {
		return false
	}
	version, _, _ = strings.Cut(version, " ")
	parts := strings.SplitN(version, ".", 3)
	a, err := strconv.Atoi(parts[0])
	if err != nil {
		return false
	}
	if a != major || len(parts) < 2 {
		return a > major
	}
	b, err := strconv.Atoi(parts[1])
	return err == nil && b >= minor
}

// minimal reports whether the client does without the list of missing properties: Prefer of RFC 8144, or Microsoft's
// older Brief.
func minimal(r *http.Request) bool {
	if strings.EqualFold(r.Header.Get("Brief"), "t") {
		return true
	}
	for _, line := range r.Header.Values("Prefer") {
		for pref := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(pref), `"`, ""), "return=minimal") {
				return true
			}
		}
	}
	return false
}
