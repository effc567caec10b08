package localca

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Files provides a certificate of the user's own, and reads it again when its files have changed. It is safe for
// concurrent use.
type Files struct {
	cert, key string
	log       *slog.Logger

	mu   sync.Mutex
	pair *tls.Certificate
	seen [2]time.Time // when the files were last changed, as they were read
	said string       // the trouble that was logged last
}

// Open reads a certificate chain and its private key, both in PEM.
func Open(cert, key string, log *slog.Logger) (*Files, error) {
	f := &Files{cert: cert, key: key, log: log}
	seen, err := f.changed()
	if err != nil {
		return nil, err
	}
	return f, f.read(seen)
}

// Certificate is for tls.Config.GetCertificate. A renewal replaces two files one after the other: while they do not
// fit, it returns the previous certificate.
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	seen, err := f.changed()
	if err == nil && seen != f.seen {
		err = f.read(seen)
	}
	switch {
	case err == nil:
		f.said = ""
	case err.Error() != f.said: // once, not at each handshake
		f.said = err.Error()
		f.log.Warn("the certificate was not renewed; the one before is used", "err", err)
	}
	return f.pair, nil
}

func (f *Files) changed() (at [2]time.Time, err error) {
	for i, path := range []string{f.cert, f.key} {
		info, err := os.Stat(path)
		if err != nil {
			return at, fmt.Errorf("can't read the certificate: %w", err)
		}
		at[i] = info.ModTime()
	}
	return at, nil
}

func (f *Files) read(seen [2]time.Time) error {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("can't use the certificate %s with the key %s: %w", f.cert, f.key, err)
	}
	f.pair, f.seen = &pair, seen
	return nil
}
