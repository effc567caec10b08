package reach

import (
	"crypto/tls"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"strings"
	"time"

	"postern/cmd/postern/home"
	"postern/cmd/postern/localca"
	"postern/cmd/postern/say"
)

// EndingSoon is how long before its authority's end a gateway begins to warn.
const EndingSoon = 60 * 24 * time.Hour

// Secure puts TLS in front of the drive's listener if the settings say so, and warns where TLS is missing. The HowTo it
// returns lacks the user and the password.
func Secure(h home.Home, settings home.Settings, listener net.Listener, log *slog.Logger) (HowTo, net.Listener, error) {
	address := listener.Addr().String()
	if settings.TLS.Mode != home.SwitchOn {
		if !onlyHere(listener.Addr()) {
			log.Warn("other machines can reach the drive, and the line is open to all on it: files, and the password of most "+
				"clients; use --tls, or put something with TLS in front", "addr", address)
		}
		return HowTo{URL: DriveURL(address, "", false)}, listener, nil
	}
	certificate, err := certificates(h, settings, NamesOf(settings, settings.Addr), log)
	if err != nil {
		return HowTo{}, listener, err
	}
	help := HowTo{URL: DriveURL(address, NameOf(settings), true)}
	if settings.TLS.Cert == "" {
		help.CA = h.CA()
	}
	return help, secured(listener, certificate), nil
}

// secured puts TLS in front of a listener, as the settings say.
//
// HTTP/2 is not offered. Finder, Explorer, davfs2 and all others on neon speak HTTP/1.1 only. Clients that know both
// (curl, rclone, browsers) gain nothing on a local line, and its framing costs the gateway half again as much processor
// time for reading (1.2 s instead of 0.8 s for 256 MiB, with curl) and a tenth more for writing.
func secured(listener net.Listener, certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) net.Listener {
	return tls.NewListener(plainAware{listener}, &tls.Config{
		GetCertificate: certificate,
		MinVersion:     tls.VersionTLS12, // Windows before 11 speaks no newer one
		NextProtos:     []string{"http/1.1"},
	})
}

// certificates returns the source of a gateway's certificates: the user's files, else the home's authority.
func certificates(
	h home.Home, settings home.Settings, names []string, log *slog.Logger,
) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	if settings.TLS.Cert != "" {
		files, err := localca.Open(settings.TLS.Cert, settings.TLS.Key, log)
		if err != nil {
			return nil, say.Advisef("%w: see tls.cert and tls.key in %s, or leave both out to use the drive's own authority",
				err, h.Config())
		}
		return files.Certificate, nil
	}
	authority, err := OpenAuthority(h, names)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if !authority.Covers(name) {
			log.Warn("the certificate is not good for a name of the drive: run postern trust, then start the gateway again",
				"name", name)
		}
	}
	if left := time.Until(authority.Ends()); left < EndingSoon {
		log.Warn("the drive's certificate authority ends soon: run postern trust, then start the gateway again", "ends",
			authority.Ends())
	}
	return authority.Issuer(names, time.Now).Certificate, nil
}

// OpenAuthority reads the home's authority, and makes one for these names if there is none or it has ended.
func OpenAuthority(h home.Home, names []string) (*localca.Authority, error) {
	authority, err := ReadAuthority(h)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && time.Now().After(authority.Ends()):
		if authority, err = localca.New(names, time.Now()); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}
	return authority, WriteAuthority(h, authority)
}

// WriteAuthority writes an authority, with its key and its certificate, to the home.
func WriteAuthority(h home.Home, authority *localca.Authority) error {
	text, err := authority.Marshal()
	if err != nil {
		return err
	}
	return h.WriteAuthority(text, authority.Certificate())
}

// ReadAuthority reads the home's authority; fs.ErrNotExist where there is none.
func ReadAuthority(h home.Home) (*localca.Authority, error) {
	text, err := h.ReadAuthority()
	if err != nil {
		return nil, err
	}
	authority, err := localca.Parse(text)
	if err != nil {
		return nil, say.Advisef("the certificate authority %s is damaged (%w): delete it, and run postern trust again once "+
			"another is made", h.Authority(), err)
	}
	return authority, nil
}

// NameOf returns the host name that clients have to use for a drive with a certificate of the user's, which names no
// loopback address; empty for any other drive.
func NameOf(settings home.Settings) string {
	if settings.TLS.Mode != home.SwitchOn || settings.TLS.Cert == "" || len(settings.Hosts) == 0 {
		return ""
	}
	return bareHost(settings.Hosts[0])
}

// NamesOf are the names that a drive is reached by, besides the loopback ones: those of the settings, and the address
// it listens at.
func NamesOf(settings home.Settings, addr string) []string {
	var names []string
	for _, host := range settings.Hosts {
		names = append(names, bareHost(host))
	}
	if host := bareHost(addr); !everywhere(host) {
		names = append(names, host)
	}
	return names
}

func bareHost(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.Trim(hostport, "[]")
}

// everywhere reports whether a host to listen at stands for all addresses of the machine.
func everywhere(host string) bool {
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// onlyHere reports whether only this machine reaches a listener at an address.
func onlyHere(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}
