package lock

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"golang.org/x/net/webdav"
)

// record is the stored form of a lock.
type record struct {
	Root      string    `json:"root"`
	Owner     string    `json:"owner,omitempty"`
	Seconds   int64     `json:"seconds"`
	ZeroDepth bool      `json:"zero_depth,omitempty"`
	Shared    bool      `json:"shared,omitempty"`
	Principal string    `json:"principal,omitempty"`
	Expires   time.Time `json:"expires"`
	Fence     Fence     `json:"fence,omitempty"` // older builds neither write nor read it
}

func encode(l Lock) ([]byte, error) {
	b, err := json.Marshal(record{
		Root: l.Root, Owner: l.OwnerXML, Seconds: int64(l.Duration / time.Second), ZeroDepth: l.ZeroDepth,
		Shared: l.Shared, Principal: l.Principal, Expires: l.Expires.Round(0).UTC(), Fence: l.Fence,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the lock of %s: %w", l.Root, err)
	}
	return b, nil
}

func decode(token string, b []byte) (Lock, error) {
	var r record
	if err := json.Unmarshal(b, &r); err != nil {
		return Lock{}, fmt.Errorf("the record of lock %s is damaged: %w", token, err)
	}
	if token == "" || r.Root == "" || r.Root[0] != '/' {
		return Lock{}, fmt.Errorf("the record of lock %s is damaged: it has no root", token)
	}
	return Lock{
		LockDetails: webdav.LockDetails{
			Root: r.Root, Duration: time.Duration(r.Seconds) * time.Second, OwnerXML: r.Owner, ZeroDepth: r.ZeroDepth,
		},
		Token: token, Shared: r.Shared, Principal: r.Principal, Expires: r.Expires, Fence: r.Fence,
	}, nil
}

// newToken returns a random UUID (RFC 9562, 5.4) as a URI: a token must be a URI that cannot be guessed.
func newToken(rand io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return "", fmt.Errorf("make a lock token: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b[:])
	return "urn:uuid:" + h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
}
