package auth

import (
	"net"
	"strings"
)

// hosts are the Host names that requests may have. A web page can point its own name at 127.0.0.1 (DNS rebinding); the
// browser then treats the page and the drive as one origin, but still sends the page's name in the Host header. IP
// addresses cannot be rebound, so all are allowed.
type hosts map[string]bool

func newHosts(names []string) hosts {
	h := hosts{"localhost": true}
	for _, name := range names {
		h[bare(name)] = true
	}
	return h
}

func (h hosts) allow(hostport string) bool {
	host := bare(hostport)
	return h[host] || strings.HasSuffix(host, ".localhost") || net.ParseIP(strings.Trim(host, "[]")) != nil
}

// bare returns a host without its port, in the spelling used for comparison.
func bare(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ".")
}
