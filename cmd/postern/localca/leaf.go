package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // a store's way of naming certificates, nothing more
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"net"
	"slices"
	"sync"
	"time"
)

const (
	// leafLife is how long a server's certificate is good for: far below the 398 days after which browsers and the 825
	// after which macOS refuse it.
	leafLife = 90 * 24 * time.Hour
	// leafSpare is the least validity that a certificate must have left, or the next one is made: connections last for
	// hours.
	leafSpare = leafLife / 3
)

// Issuer makes the certificates of a server as they are needed and keeps them in memory only: the next run makes its
// own, since clients trust the authority. It is safe for concurrent use.
type Issuer struct {
	authority *Authority
	names     []string
	clock     func() time.Time

	mu   sync.Mutex
	leaf *tls.Certificate
}

// Issuer certifies those of the names that the authority covers, and the loopback names.
func (a *Authority) Issuer(names []string, clock func() time.Time) *Issuer {
	names = slices.DeleteFunc(slices.Concat(Loopback, names), func(n string) bool { return !a.Covers(n) })
	slices.Sort(names)
	return &Issuer{authority: a, names: slices.Compact(names), clock: clock}
}

// Certificate is for tls.Config.GetCertificate. Looking at each handshake costs nothing and, unlike a timer, works
// after a machine has slept or its clock was set.
func (i *Issuer) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	now := i.clock()
	if i.leaf == nil || now.Before(i.leaf.Leaf.NotBefore) || now.After(renewal(i.leaf.Leaf)) {
		leaf, err := i.authority.issue(i.names, now)
		if err != nil {
			return nil, err
		}
		i.leaf = leaf
	}
	return i.leaf, nil
}

// renewal is when the next certificate is to be made. A certificate that the authority's own end cuts short is used
// until that end.
func renewal(leaf *x509.Certificate) time.Time {
	begin := leaf.NotBefore.Add(early)
	return begin.Add(min(leafLife-leafSpare, leaf.NotAfter.Sub(begin)))
}

func (a *Authority) issue(names []string, now time.Time) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("can't make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("can't draw a serial number: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "localhost"}, // some clients show it
		NotBefore:    now.Add(-early), NotAfter: now.Add(leafLife),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if end := a.cert.NotAfter; template.NotAfter.After(end) {
		template.NotAfter = end
	}
	if begin := a.cert.NotBefore; template.NotBefore.Before(begin) {
		template.NotBefore = begin
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, canonical(name))
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("can't make a certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, err
}

func fingerprint(cert *x509.Certificate) string {
	sum := sha1.Sum(cert.Raw) //nolint:gosec // as above
	return hex.EncodeToString(sum[:])
}
