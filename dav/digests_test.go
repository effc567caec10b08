package dav_test

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash/adler32"
	"strings"
	"testing"
	"time"
)

// TestPromisedChecksums: a checksum in any header is compared with the whole body; an unknown algorithm is refused.
func TestPromisedChecksums(t *testing.T) {
	const content = "all that is sent"
	m, s1, s256, s512 := md5.Sum([]byte(content)), sha1.Sum([]byte(content)), sha256.Sum256([]byte(content)),
		sha512.Sum512([]byte(content))
	b64 := base64.StdEncoding.EncodeToString
	adler := fmt.Sprintf("%08x", adler32.Checksum([]byte(content)))
	for _, header := range []string{
		"OC-Checksum: MD5:" + hex.EncodeToString(m[:]), "OC-Checksum: sha1:" + strings.ToUpper(hex.EncodeToString(s1[:])),
		"OC-Checksum: SHA256:" + hex.EncodeToString(s256[:]), "OC-Checksum: ADLER32:" + adler,
		"OC-Checksum: SHA1:" + hex.EncodeToString(s1[:]) + " ADLER32:" + adler,
		"Content-MD5: " + b64(m[:]),
		"Repr-Digest: sha-256=:" + b64(s256[:]) + ":", "Repr-Digest: sha-512=:" + b64(s512[:]) + ":, crc32c=:AAAAAA==:",
		"Content-Digest: sha-256=:" + b64(s256[:]) + ":, sha-512=:" + b64(s512[:]) + ":",
		"Digest: SHA-256=" + b64(s256[:]), "Digest: sha=" + b64(s1[:]) + ",MD5=" + b64(m[:]), "Digest: adler32=" + adler,
	} {
		d := newDrive(t, "/files/f")
		d.do("PUT", "/files/f", content, header).want(204)
		d.do("PUT", "/files/f", content+"!", header).want(400, "does not fit the checksum in")
		d.do("PUT", "/files/new", content[1:], header).want(400)
		d.holds("/files/f", content, "/files/new", "-")
	}
	d := newDrive(t, "/files/f")
	d.do("PROPPATCH", "/files/f", patch("<oc:checksums>CRC64:00</oc:checksums>")).want(207, "409 Conflict")
}

// TestWrongTimes: an unreadable time is an error; it is not ignored with a 200.
func TestWrongTimes(t *testing.T) {
	for _, name := range []string{"D:getlastmodified", "D:lastmodified", "D:creationdate", "Z:Win32LastModifiedTime",
		"Z:Win32CreationTime"} {
		d := newDrive(t, "/files/f")
		before := d.info("/files/f")
		for _, value := range []string{"", "yesterday", "Sun, 31 Feb 2010 01:02:03 GMT", "2010-01-02T25:00:00Z",
			"Sat, 02 Jan 2010 01:02:03 EST"} {
			d.do("PROPPATCH", "/files/f", patch("<"+name+">"+value+"</"+name+"><x:other>1</x:other>")).want(207, "409 Conflict",
				"424 Failed Dependency", "!200 OK")
		}
		after := d.info("/files/f")
		if !after.Modified.Equal(before.Modified) || !after.Created.Equal(before.Created) || len(after.Properties) != 0 {
			t.Errorf("%s: something was changed: %v", name, after)
		}
		for _, value := range []string{"Sat, 2 Jan 2010 01:02:03 GMT", "Sat, 2 Jan 2010 01:02:03 UTC", "2010-01-02T01:02:03Z",
			"2010-01-02 01:02:03", "1262394123", "1262394123000"} {
			d := newDrive(t, "/files/f")
			d.do("PROPPATCH", "/files/f", patch("<"+name+">"+value+"</"+name+">")).want(207, "200 OK")
			got := d.info("/files/f").Modified
			if strings.Contains(name, "reation") {
				got = d.info("/files/f").Created
			}
			if !got.Equal(time.Date(2010, 1, 2, 1, 2, 3, 0, time.UTC)) {
				t.Errorf("%s %s: %v", name, value, got)
			}
		}
	}
}

// TestMtimeInMilliseconds: X-OC-Mtime may be in milliseconds, as JavaScript has its times.
func TestMtimeInMilliseconds(t *testing.T) {
	d := newDrive(t, "/files/g")
	want := time.Date(2010, 1, 2, 1, 2, 3, 0, time.UTC)
	for i, value := range []string{"1262394123", "1262394123000", "1262394123000000", "1262394123.0"} {
		p := fmt.Sprintf("/files/%d", i)
		d.do("PUT", p, "x", "X-OC-Mtime: "+value).want(201).with("X-Oc-Mtime: accepted")
		d.do("COPY", "/files/g", "", "Destination: "+p+"c", "X-OC-Mtime: "+value).want(201).with("X-Oc-Mtime: accepted")
		if got := d.info(p).Modified; !got.Equal(want) || !d.info(p+"c").Modified.Equal(want) {
			t.Errorf("%s: %v", value, got)
		}
	}
}
