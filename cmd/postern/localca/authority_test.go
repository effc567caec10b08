package localca

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"postern/crypto/alloctest"
)

var day = time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC)

func made(t *testing.T, names ...string) *Authority {
	t.Helper()
	a, err := New(names, day)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// accepts returns what a client that trusts the authority says to a certificate for a name.
func accepts(a *Authority, leaf *x509.Certificate, name string, at time.Time) error {
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	if strings.Contains(name, ":") {
		name = "[" + name + "]"
	}
	_, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: at})
	return err
}

func issued(t *testing.T, i *Issuer) *x509.Certificate {
	t.Helper()
	pair, err := i.Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return pair.Leaf
}

func at(now *time.Time) func() time.Time { return func() time.Time { return *now } }

func TestCertifies(t *testing.T) {
	a := made(t, "Drive.Example.", "192.0.2.7", "2001:db8::7", "127.0.0.9")
	now := day
	leaf := issued(t, a.Issuer([]string{"drive.example", "192.0.2.7", "2001:db8::7", "localhost", "127.0.0.9",
		"other.example"}, at(&now)))
	for _, name := range []string{"localhost", "127.0.0.1", "127.0.0.9", "::1", "drive.example", "192.0.2.7",
		"2001:db8::7"} {
		if err := accepts(a, leaf, name, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"other.example", "192.0.2.8", "example", "x.drive.example"} {
		if accepts(a, leaf, name, now) == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if len(leaf.DNSNames) != 2 || len(leaf.IPAddresses) != 5 {
		t.Errorf("names %v, addresses %v", leaf.DNSNames, leaf.IPAddresses)
	}
}

// TestStolenKey: with the authority's key, no certificate can be made that a client takes for anybody but the drive,
// nor for anything but a server.
func TestStolenKey(t *testing.T) {
	a := made(t, "drive.example")
	forged := func(change func(*x509.Certificate)) *x509.Certificate {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: day, NotAfter: day.Add(time.Hour),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
		change(template)
		der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return cert
	}
	named := forged(func(c *x509.Certificate) { c.DNSNames = []string{"drive.example"} })
	if err := accepts(a, named, "drive.example", day); err != nil {
		t.Fatalf("the way to forge is wrong: %v", err)
	}
	for _, name := range []string{"bank.example", "example", "evildrive.example", "localhost.example"} {
		if accepts(a, forged(func(c *x509.Certificate) { c.DNSNames = []string{name} }), name, day) == nil {
			t.Errorf("%s can be impersonated", name)
		}
	}
	for _, ip := range []string{"192.0.2.1", "126.255.255.255", "128.0.0.1", "::2"} {
		if accepts(a, forged(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(ip)} }), ip, day) == nil {
			t.Errorf("%s can be impersonated", ip)
		}
	}
	roots := x509.NewCertPool()
	roots.AddCert(a.cert)
	code := forged(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning} })
	if _, err := code.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: day,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}}); err == nil {
		t.Error("it signs programs")
	}
}

// TestLives: a certificate is renewed by itself well before its end, also after the clock was set back, and never
// outlives its authority.
func TestLives(t *testing.T) {
	a := made(t)
	now := day
	i := a.Issuer(nil, at(&now))
	first := issued(t, i)
	if life := first.NotAfter.Sub(first.NotBefore); life > 398*24*time.Hour {
		t.Errorf("browsers refuse a life of %v", life)
	}
	now = day.Add(leafLife - leafSpare)
	if again := issued(t, i); !again.Equal(first) {
		t.Error("renewed without need")
	}
	now = now.Add(time.Second)
	second := issued(t, i)
	if second.Equal(first) || accepts(a, second, "localhost", now.Add(leafLife-time.Second)) != nil {
		t.Error("not renewed")
	}
	now = day.Add(-48 * time.Hour)
	if third := issued(t, i); third.Equal(second) {
		t.Error("a certificate of the future is used")
	}
	now = a.Ends().Add(-time.Hour)
	last := issued(t, i)
	if !last.NotAfter.Equal(a.Ends()) || accepts(a, last, "localhost", now) != nil {
		t.Errorf("the last certificate ends at %v, its authority at %v", last.NotAfter, a.Ends())
	}
	if again := issued(t, i); !again.Equal(last) {
		t.Error("the last certificate is made for each connection")
	}
}

func TestCovers(t *testing.T) {
	a := made(t, "drive.example", "192.0.2.7")
	for name, want := range map[string]bool{"localhost": true, "LOCALHOST.": true, "x.localhost": true, "127.9.9.9": true,
		"::1":           true,
		"drive.example": true, "sub.drive.example": true, "192.0.2.7": true,
		"192.0.2.8": false, "::2": false, "example": false, "notdrive.example": false, "": false} {
		if a.Covers(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}

func TestMarshal(t *testing.T) {
	a := made(t, "drive.example")
	text, err := a.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(text)
	if err != nil || b.Name() != a.Name() || b.Fingerprint() != a.Fingerprint() || !b.Ends().Equal(a.Ends()) {
		t.Fatalf("read back: %v", err)
	}
	now := day
	if err := accepts(a, issued(t, b.Issuer(nil, at(&now))), "localhost", now); err != nil {
		t.Error(err)
	}
	other, err := made(t).Marshal()
	if err != nil {
		t.Fatal(err)
	}
	cert, secret := string(a.Certificate()), string(text[len(a.Certificate()):])
	for name, text := range map[string]string{
		"empty": "", "no key": cert, "no certificate": secret, "turned round": secret + cert, "more": string(text) + "x",
		"another key": cert + string(other[len(other)-len(secret):]), "cut": string(text[:len(text)-40]),
		"bad key":  cert + string(pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: []byte("x")})),
		"bad cert": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})) + secret,
		"a leaf": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE",
			Bytes: issued(t, a.Issuer(nil, at(&now))).Raw})) + secret,
	} {
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzParse: no text makes it panic, and what it takes can certify.
func FuzzParse(f *testing.F) {
	a, err := New(nil, day)
	if err != nil {
		f.Fatal(err)
	}
	text, err := a.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(a.Certificate())
	f.Fuzz(func(t *testing.T, text []byte) {
		alloctest.Check(t, len(text), func() {
			a, err := Parse(text)
			if err != nil {
				return
			}
			now := day
			if pair, err := a.Issuer(nil, at(&now)).Certificate(nil); err != nil || pair.Leaf.CheckSignatureFrom(a.cert) != nil {
				t.Errorf("an authority that can't certify: %v", err)
			}
		})
	})
}
