package localca

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"crypto/x509"
	"encoding/pem"
)

// written puts a certificate and its key into files that were changed at a time.
func written(t *testing.T, folder string, changed time.Time) (cert, key string, leaf *x509.Certificate) {
	t.Helper()
	now := day
	pair, err := made(t).Issuer(nil, at(&now)).Certificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: pair.Leaf.Raw},
		key: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, pair.Leaf
}

// TestFilesAreReadAgain: a renewed certificate is used from the next connection on; half a renewal changes nothing and
// is logged once.
func TestFilesAreReadAgain(t *testing.T) {
	folder := t.TempDir()
	var said bytes.Buffer
	cert, key, first := written(t, folder, day)
	f, err := Open(cert, key, slog.New(slog.NewTextHandler(&said, nil)))
	if err != nil {
		t.Fatal(err)
	}
	shows := func(want *x509.Certificate) {
		t.Helper()
		if pair, err := f.Certificate(nil); err != nil || !pair.Leaf.Equal(want) {
			t.Errorf("not the certificate that was expected: %v", err)
		}
	}
	shows(first)
	if err := os.WriteFile(key, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	shows(first)
	shows(first)
	if n := strings.Count(said.String(), "not renewed"); n != 1 {
		t.Errorf("said %d times: %s", n, &said)
	}
	_, _, second := written(t, folder, day.Add(time.Hour))
	shows(second)
	if err := os.Remove(cert); err != nil {
		t.Fatal(err)
	}
	shows(second)
	if n := strings.Count(said.String(), "not renewed"); n != 2 {
		t.Errorf("said %d times: %s", n, &said)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	cert, key, _ := written(t, t.TempDir(), day)
	for _, c := range [][2]string{{cert, cert}, {key, key}, {cert, "/nothing"}, {"/nothing", key}} {
		if _, err := Open(c[0], c[1], slog.New(slog.DiscardHandler)); err == nil {
			t.Errorf("%v: accepted", c)
		}
	}
}
