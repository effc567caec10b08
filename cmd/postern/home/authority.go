package home

import (
	"fmt"
	"os"
	"path/filepath"
)

// ReadAuthority reads the authority that certifies the drive. It returns fs.ErrNotExist where there is none.
func (h Home) ReadAuthority() ([]byte, error) {
	text, err := readFile(h.Authority())
	if err != nil {
		return nil, fmt.Errorf("can't read the certificate authority %s: %w", h.Authority(), cause(err))
	}
	if info, err := os.Stat(h.Authority()); err == nil && !private(info) {
		return nil, fmt.Errorf("the certificate authority %s can be read by others: run postern trust --remove, delete the "+
			"file, and begin anew with postern trust", h.Authority())
	}
	return text, nil
}

// WriteAuthority writes an authority, then its certificate alone beside it. The first file counts: after a crash
// between the two the second is written again.
func (h Home) WriteAuthority(authority, certificate []byte) error {
	if err := os.MkdirAll(filepath.Dir(h.Authority()), 0o700); err != nil {
		return fmt.Errorf("can't make a folder for the certificate authority: %w", cause(err))
	}
	for path, text := range map[string][]byte{h.Authority(): authority, h.CA(): certificate} {
		if now, err := os.ReadFile(path); err == nil && string(now) == string(text) {
			continue
		}
		if err := writeFile(path, text); err != nil {
			return fmt.Errorf("can't write the certificate authority %s: %w", path, err)
		}
	}
	return nil
}
