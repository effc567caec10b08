package reach

import (
	"errors"
	"fmt"
	stdlog "log"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/libp2p/zeroconf/v2"

	"postern/cmd/postern/say"
)

// Announcement is what the local network learns of the drive by multicast DNS (RFC 6762, RFC 6763).
type Announcement struct {
	Instance string // how file managers list it
	Secure   bool   // over TLS
	Host     string // this machine's name there, without ".local"
}

// service is the drive's kind: what Finder, GNOME and KDE look for.
func (a Announcement) service() string { return say.IfElse(a.Secure, "_webdavs._tcp", "_webdav._tcp") }

// LocalHost is this machine's name for announcements; the setting hosts need not have it.
func LocalHost() (string, error) {
	host, err := os.Hostname()
	host, _, _ = strings.Cut(host, ".")
	if err != nil || host == "" {
		return "", say.Advisef("can't announce a drive of a machine without a name: give it one, or leave mdns off")
	}
	return host, nil
}

// Announce announces the drive on the network until withdraw is called, which takes it back. Every machine on the
// same network learns that there is a drive of this name, on which machine, at which port; nothing of what is in it,
// and not its user.
//
// The library is libp2p's fork of zeroconf: unlike hashicorp/mdns it announces unasked and says goodbye.
func Announce(a Announcement, addr net.Addr, log *slog.Logger) (withdraw func(), err error) {
	at, ok := addr.(*net.TCPAddr)
	if !ok || at.IP.IsLoopback() {
		return nil, say.Advisef("a drive at %s is reached by this machine only, so there is nobody to announce it to: "+
			"choose another --addr, or leave mdns off", addr)
	}
	interfaces, err := reachedBy(at.IP)
	if err != nil {
		return nil, err
	}
	var only []string // empty: what an interface has at the moment
	if !at.IP.IsUnspecified() {
		only = []string{at.IP.String()}
	}
	stdlog.SetFlags(0) // the library logs there
	stdlog.SetOutput(slog.NewLogLogger(log.Handler(), slog.LevelDebug).Writer())
	server, err := zeroconf.RegisterProxy(a.Instance, a.service(), "local.", at.Port, a.Host, only, []string{"path=/"},
		interfaces)
	if err != nil {
		return nil, say.Advisef("can't announce the drive on the network (%w): see whether this machine is on one, or "+
			"leave mdns off", err)
	}
	log.Info("announced on the local network", "name", a.Instance, "service", a.service(), "host", a.Host+".local", "port",
		at.Port)
	return server.Shutdown, nil
}

// reachedBy are the interfaces by which others reach an address, or any address if it is unspecified.
func reachedBy(ip net.IP) ([]net.Interface, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("can't look at the network interfaces: %w", err)
	}
	const able = net.FlagUp | net.FlagMulticast
	fit := slices.DeleteFunc(all, func(i net.Interface) bool {
		return i.Flags&able != able || i.Flags&net.FlagLoopback != 0 || !ip.IsUnspecified() && !has(i, ip)
	})
	if len(fit) == 0 {
		return nil, say.Advisef("no network interface can announce the drive (%w): see whether this machine is on a "+
			"network, or leave mdns off", errors.ErrUnsupported)
	}
	return fit, nil
}

// has reports whether an interface has an address.
func has(i net.Interface, ip net.IP) bool {
	addrs, err := i.Addrs()
	return err == nil && slices.ContainsFunc(addrs, func(a net.Addr) bool {
		n, ok := a.(*net.IPNet)
		return ok && n.IP.Equal(ip)
	})
}
