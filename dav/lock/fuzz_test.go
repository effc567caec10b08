package lock

import (
	"testing"
	"time"

	"golang.org/x/net/webdav"

	"postern/crypto/alloctest"
)

// FuzzRecord: a record is either an error, or a lock that is the same after it is written and read again.
func FuzzRecord(f *testing.F) {
	for _, l := range []Lock{
		exclusive("/a"),
		{LockDetails: webdav.LockDetails{Root: "/ü", Duration: time.Minute, OwnerXML: "<a>&amp;</a>", ZeroDepth: true},
			Shared: true, Principal: "alice", Expires: time.Unix(5, 6)},
	} {
		record, err := encode(l)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(record)
	}
	f.Add([]byte(`{"root":"/x","expires":"2026-11-20T09:00:00+01:00"}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		alloctest.Check(t, len(record), func() {
			l, err := decode("urn:x", record)
			if err != nil {
				return
			}
			again, err := encode(l)
			if err != nil {
				t.Fatalf("%q: %v", record, err)
			}
			back, err := decode("urn:x", again)
			if err != nil || back.LockDetails != l.LockDetails || back.Shared != l.Shared || back.Principal != l.Principal ||
				!back.Expires.Equal(l.Expires) {
				t.Fatalf("%q is %+v, then %+v: %v", record, l, back, err)
			}
			l.covers("/x")
		})
	})
}
