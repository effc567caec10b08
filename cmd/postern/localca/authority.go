// Package localca is a certificate authority for one drive on one machine, so that HTTPS needs no other party.
//
// An authority that a machine trusts is dangerous in a thief's hands, so this one is constrained (RFC 5280, section
// 4.2.1.10) to servers and to the names of the drive, which are localhost and this machine's loopback addresses unless
// the user adds others. It can impersonate no server but the drive.
package localca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	// Life is how long an authority is valid. It is long, since people have to trust the next one by hand; the
	// constraints limit what a stolen key is good for until then.
	Life = 10 * 365 * 24 * time.Hour
	// early is how far back certificates begin, for clients whose clock is behind.
	early = 24 * time.Hour
)

// Loopback are the names that every authority may certify.
var Loopback = []string{"localhost", "127.0.0.1", "::1"}

// Authority signs the certificates of one drive.
type Authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New makes an authority for the loopback names and further host names or IP addresses.
func New(names []string, now time.Time) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) // the curve that every client knows
	if err != nil {
		return nil, fmt.Errorf("can't make a key: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, fmt.Errorf("can't encode a key: %w", err)
	}
	sum := sha256.Sum256(public)
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(sum[:16]),
		// Every client sees the name, so it contains nothing about machine or user. The digits distinguish several
		// authorities in a store.
		Subject:   pkix.Name{CommonName: "Postern local authority " + hex.EncodeToString(sum[:4])},
		NotBefore: now.Add(-early), NotAfter: now.Add(Life),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage: x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		PermittedDNSDomainsCritical: true,
	}
	for _, name := range slices.Concat(Loopback, names) {
		if ip := net.ParseIP(name); ip != nil {
			if !within(template.PermittedIPRanges, ip) {
				template.PermittedIPRanges = append(template.PermittedIPRanges, ranged(ip))
			}
		} else if !slices.Contains(template.PermittedDNSDomains, canonical(name)) {
			template.PermittedDNSDomains = append(template.PermittedDNSDomains, canonical(name))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("can't make a certificate authority for %s: %w", strings.Join(names, ", "), err)
	}
	cert, err := x509.ParseCertificate(der)
	return &Authority{cert: cert, key: key}, err
}

// ranged is what is permitted for an IP address: itself, or all of IPv4's loopback network.
func ranged(ip net.IP) *net.IPNet {
	switch v4 := ip.To4(); {
	case v4 != nil && v4.IsLoopback():
		return &net.IPNet{IP: net.IPv4(127, 0, 0, 0).To4(), Mask: net.CIDRMask(8, 32)}
	case v4 != nil:
		return &net.IPNet{IP: v4, Mask: net.CIDRMask(32, 32)}
	}
	return &net.IPNet{IP: ip, Mask: net.CIDRMask(128, 128)}
}

func within(ranges []*net.IPNet, ip net.IP) bool {
	return slices.ContainsFunc(ranges, func(n *net.IPNet) bool { return n.Contains(ip) })
}

// canonical is a host name in the one spelling that certificates have.
func canonical(name string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
}

// Covers reports whether the authority may certify a host name or IP address.
func (a *Authority) Covers(name string) bool {
	if ip := net.ParseIP(name); ip != nil {
		return within(a.cert.PermittedIPRanges, ip)
	}
	host := canonical(name)
	return slices.ContainsFunc(a.cert.PermittedDNSDomains, func(d string) bool {
		return host == d || strings.HasSuffix(host, "."+d)
	})
}

// Ends is when the authority expires.
func (a *Authority) Ends() time.Time { return a.cert.NotAfter }

// Name is how certificate stores list it.
func (a *Authority) Name() string { return a.cert.Subject.CommonName }

// Fingerprint is the SHA-1 of the certificate in hex, by which stores name certificates. No security depends on it.
func (a *Authority) Fingerprint() string { return fingerprint(a.cert) }

// Certificate is what clients have to trust, in PEM.
func (a *Authority) Certificate() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

const keyType = "EC PRIVATE KEY"

// Marshal is certificate and private key, in PEM.
func (a *Authority) Marshal() ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("can't encode a key: %w", err)
	}
	return append(a.Certificate(), pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: der})...), nil
}

// Parse reads what Marshal made.
func Parse(text []byte) (*Authority, error) {
	certificate, rest := pem.Decode(text)
	if certificate == nil || certificate.Type != "CERTIFICATE" {
		return nil, errors.New("it does not begin with a certificate")
	}
	secret, rest := pem.Decode(rest)
	if secret == nil || secret.Type != keyType || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("it does not end with a private key")
	}
	cert, err := x509.ParseCertificate(certificate.Bytes)
	if err != nil {
		return nil, errors.New("its certificate can't be read")
	}
	key, err := x509.ParseECPrivateKey(secret.Bytes)
	if err != nil {
		return nil, errors.New("its private key can't be read") // the library's words might show some of it
	}
	if public, ok := cert.PublicKey.(*ecdsa.PublicKey); !ok || !key.PublicKey.Equal(public) {
		return nil, errors.New("certificate and key do not belong together")
	}
	if cert.CheckSignatureFrom(cert) != nil || len(cert.PermittedDNSDomains) == 0 || len(cert.PermittedIPRanges) == 0 {
		return nil, errors.New("it is not a constrained authority")
	}
	return &Authority{cert: cert, key: key}, nil
}
