package auth

import (
	"net"
	"strings"
)

// hosts are the names that a request may be meant for. A web page can point a name of its own at 127.0.0.1 (DNS
// rebinding) and is then, to the browser, of one origin with the drive; but the Host header still says that name. IP
// addresses can't be rebound, so all are allowed.
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

// bare is a host without its port, in the one spelling that is compared.
func bare(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(host)), ".")
}
