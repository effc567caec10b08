package dav

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"hash/adler32"
	"io"
	"net/http"
	"strings"

	"postern/vfs"
)

// promise is a checksum that a client sent for a body.
type promise struct {
	header, algorithm string
	sum               []byte
	hash              hash.Hash // nil: MD5 or SHA-1, which the drive computes itself
}

// computed has the algorithms of checksums, by their names in all headers.
var computed = map[string]func() hash.Hash{
	"md5": nil, "sha": nil, "sha1": nil, "sha-1": nil,
	"sha256": sha256.New, "sha-256": sha256.New, "sha512": sha512.New, "sha-512": sha512.New,
	"adler32": func() hash.Hash { return adler32.New() },
}

// promises parses all headers with checksums: OC-Checksum of ownCloud's clients and rclone, Content-MD5 (RFC 1864),
// Repr-Digest and Content-Digest (RFC 9530), Digest (RFC 3230). Unsupported ones are rejected before the body is read:
// a client that asks for a check must not get 201 without one. Of several in one header one supported algorithm
// suffices.
func (q *request) promises() ([]promise, error) {
	var all []promise
	for _, name := range []string{"OC-Checksum", "Content-MD5", "Repr-Digest", "Content-Digest", "Digest"} {
		field := strings.TrimSpace(strings.Join(q.r.Header.Values(name), ","))
		if field == "" {
			continue
		}
		known := 0
		for _, word := range strings.FieldsFunc(field, func(c rune) bool { return c == ',' || c == ' ' || c == '\t' }) {
			p := promise{header: name}
			var value string
			var ok bool
			switch name {
			case "Content-MD5":
				p.algorithm, value, ok = "md5", word, true
			case "OC-Checksum":
				p.algorithm, value, ok = strings.Cut(word, ":")
			default:
				p.algorithm, value, ok = strings.Cut(word, "=")
			}
			p.algorithm = strings.ToLower(p.algorithm)
			newHash, supported := computed[p.algorithm]
			if !ok {
				return nil, fail(http.StatusBadRequest, "The %s header is malformed.", name)
			}
			if !supported {
				continue
			}
			if newHash != nil {
				p.hash = newHash()
			}
			if p.sum, ok = decodeSum(strings.Trim(value, ":"), name == "OC-Checksum" || p.algorithm == "adler32"); !ok {
				return nil, fail(http.StatusBadRequest, "The %s header is malformed.", name)
			}
			all = append(all, p)
			known++
		}
		if known == 0 {
			return nil, fail(http.StatusBadRequest,
				"The checksum in the %s header is of a kind that is not supported: use MD5, SHA-1, SHA-256 or SHA-512.", name)
		}
	}
	return all, nil
}

func decodeSum(s string, hexadecimal bool) ([]byte, bool) {
	if hexadecimal {
		b, err := hex.DecodeString(s)
		return b, err == nil
	}
	b, err := base64.StdEncoding.DecodeString(s)
	return b, err == nil
}

// summed returns a reader that feeds the hashes of promises.
func summed(r io.Reader, all []promise) io.Reader {
	for _, p := range all {
		if p.hash != nil {
			r = io.TeeReader(r, p.hash)
		}
	}
	return r
}

// kept reports whether the received body has the promised checksum.
func (p promise) kept(sums vfs.Sums) bool {
	switch {
	case p.hash != nil:
		return bytes.Equal(p.sum, p.hash.Sum(nil))
	case p.algorithm == "md5":
		return bytes.Equal(p.sum, sums.MD5[:])
	}
	return bytes.Equal(p.sum, sums.SHA1[:])
}
