package object

import (
	"bytes"
	"fmt"
)

// ParseCommit is DecodeCommit without the signature, which a fuzzer cannot forge.
var ParseCommit = parseCommit

// ParseRoster is DecodeRoster without the signature.
var ParseRoster = parseRoster

// DecodePage is ScanPage with the entries, as ReadEntry returns them. ScanPage, ReadEntry and ReadName must agree.
func DecodePage(b []byte, at Ref) (Page, error) {
	var entries []Entry
	var other error
	p, err := ScanPage(b, at, func(e *Entry, from, _ int) {
		read := ReadEntry(b[from:], at)
		if !bytes.Equal(AppendEntry(nil, e, at.Blob), AppendEntry(nil, &read, at.Blob)) ||
			string(ReadName(b[from:])) != e.Name {
			other = fmt.Errorf("an entry is scanned as %+v, and read as %+v", e, read)
		}
		entries = append(entries, read)
	})
	if err == nil {
		err = other
	}
	if err != nil {
		return Page{}, err
	}
	p.Entries = entries
	return p, nil
}
