package reach

import (
	"bytes"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"

	"postern/cmd/postern/home"
)

// given is a listener with any address; it accepts nothing.
type given struct {
	net.Listener
	at net.TCPAddr
}

func (g given) Addr() net.Addr { return &g.at }

// TestOpenLine: an address that other machines reach without TLS gets a warning; a loopback address or TLS gets none.
func TestOpenLine(t *testing.T) {
	for _, c := range []struct {
		ip, tls string
		warns   bool
		url     string
	}{
		{"127.0.0.1", home.SwitchOff, false, "http://127.0.0.1:1/"},
		{"127.9.9.9", home.SwitchOff, false, "http://127.9.9.9:1/"},
		{"::1", home.SwitchOff, false, "http://[::1]:1/"},
		{"0.0.0.0", home.SwitchOff, true, "http://127.0.0.1:1/"},
		{"::", home.SwitchOff, true, "http://127.0.0.1:1/"},
		{"192.0.2.1", home.SwitchOff, true, "http://192.0.2.1:1/"},
		{"0.0.0.0", home.SwitchOn, false, "https://127.0.0.1:1/"},
		{"192.0.2.1", home.SwitchOn, false, "https://192.0.2.1:1/"},
	} {
		h := home.Home(t.TempDir())
		var said bytes.Buffer
		listener := given{at: net.TCPAddr{IP: net.ParseIP(c.ip), Port: 1}}
		settings := home.Settings{Addr: listener.at.String(), TLS: home.TLSSettings{Mode: c.tls}}
		help, _, err := Secure(h, settings, listener, slog.New(slog.NewTextHandler(&said, nil)))
		if err != nil || help.URL.String() != c.url ||
			strings.Contains(said.String(), "use --tls") != c.warns || !c.warns && said.Len() > 0 {
			t.Errorf("%s, tls %s: %v, %v, it says %q", c.ip, c.tls, help.URL, err, &said)
		}
		if (help.CA == h.CA()) != (c.tls == home.SwitchOn) {
			t.Errorf("%s, tls %s: the authority is %q", c.ip, c.tls, help.CA)
		}
	}
}

func TestNamesOf(t *testing.T) {
	for addr, want := range map[string]string{"127.0.0.1:8090": "drive.example with.port 127.0.0.1",
		":8090": "drive.example with.port", "[::]:8090": "drive.example with.port",
		"nas.local:1": "drive.example with.port nas.local", "[2001:db8::1]:1": "drive.example with.port 2001:db8::1"} {
		got := NamesOf(home.Settings{Hosts: []string{"drive.example", "with.port:99"}}, addr)
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %v", addr, got)
		}
	}
	own := home.Settings{Hosts: []string{"drive.example:443"}, TLS: home.TLSSettings{Mode: home.SwitchOn, Cert: "/c",
		Key: "/k"}}
	if NameOf(own) != "drive.example" {
		t.Errorf("a certificate of one's own is not good for %q", NameOf(own))
	}
	own.TLS.Cert, own.TLS.Key = "", ""
	if NameOf(own) != "" {
		t.Errorf("the drive's own authority needs no name: %q", NameOf(own))
	}
}
