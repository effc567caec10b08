package dav

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"regexp"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// charsets are the single-byte encodings that clients use besides UTF-8 and UTF-16, which every XML parser must accept
// (RFC 4918, 19).
var charsets = map[string]*charmap.Charmap{
	"iso-8859-1": charmap.ISO8859_1, "iso_8859-1": charmap.ISO8859_1, "latin1": charmap.ISO8859_1, "l1": charmap.ISO8859_1,
	"iso-8859-2": charmap.ISO8859_2, "iso-8859-15": charmap.ISO8859_15,
	"windows-1252": charmap.Windows1252, "cp1252": charmap.Windows1252, "windows-1251": charmap.Windows1251,
}

var errBytes = errors.New("it has bytes that do not belong to its encoding")

// declared matches the encoding in an XML declaration.
var declared = regexp.MustCompile(`^<\?xml\s[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']`)

// utf8XML converts an XML document to UTF-8. A byte order mark takes precedence over the charset of the Content-Type,
// and that over the XML declaration (RFC 7303, 3); UTF-16 is also detected by its zero bytes. The result is at most
// three times as long.
func utf8XML(raw []byte, contentType string) ([]byte, error) {
	raw, charset := cutMark(raw)
	if charset == "" {
		charset = zeroBytes(raw)
	}
	if charset == "" {
		if _, params, err := mime.ParseMediaType(contentType); err == nil {
			charset = strings.ToLower(params["charset"])
		}
	}
	if charset == "" {
		if m := declared.FindSubmatch(raw); m != nil {
			charset = strings.ToLower(string(m[1]))
		}
	}
	switch charset {
	case "", "utf-8", "utf8":
		if !utf8.Valid(raw) {
			return nil, errBytes
		}
		return raw, nil
	case "us-ascii", "ascii", "ansi_x3.4-1968", "iso646-us":
		if bytes.ContainsFunc(raw, func(c rune) bool { return c >= utf8.RuneSelf }) {
			return nil, errBytes
		}
		return raw, nil
	case "utf-16be", "utf-16", "ucs-2", "iso-10646-ucs-2": // without a mark, big-endian (RFC 2781, 4.3)
		return fromUTF16(raw, binary.BigEndian)
	case "utf-16le":
		return fromUTF16(raw, binary.LittleEndian)
	}
	table := charsets[charset]
	if table == nil {
		return nil, fmt.Errorf("its encoding %q is not supported; use UTF-8 or UTF-16", charset)
	}
	return fromTable(raw, table)
}

// cutMark removes a byte order mark, and returns the encoding that it stands for.
func cutMark(raw []byte) ([]byte, string) {
	for mark, charset := range map[string]string{"\xef\xbb\xbf": "utf-8", "\xfe\xff": "utf-16be", "\xff\xfe": "utf-16le"} {
		if rest, ok := bytes.CutPrefix(raw, []byte(mark)); ok {
			return rest, charset
		}
	}
	return raw, ""
}

// zeroBytes detects UTF-16 without a byte order mark: a document begins with '<' or white space, which has a zero byte
// in no other encoding.
func zeroBytes(raw []byte) string {
	switch {
	case len(raw) < 2:
	case raw[0] == 0 && raw[1] != 0:
		return "utf-16be"
	case raw[0] != 0 && raw[1] == 0:
		return "utf-16le"
	}
	return ""
}

// fromUTF16 decodes UTF-16. Unlike the libraries' decoders it rejects lone surrogates and incomplete units, which would
// otherwise change names and values.
func fromUTF16(raw []byte, order binary.ByteOrder) ([]byte, error) {
	if len(raw)%2 != 0 {
		return nil, errBytes
	}
	b := make([]byte, 0, len(raw)/2)
	for ; len(raw) > 0; raw = raw[2:] {
		c := rune(order.Uint16(raw))
		if utf16.IsSurrogate(c) {
			if len(raw) < 4 {
				return nil, errBytes
			}
			raw = raw[2:]
			if c = utf16.DecodeRune(c, rune(order.Uint16(raw))); c == utf8.RuneError {
				return nil, errBytes
			}
		}
		b = utf8.AppendRune(b, c)
	}
	return b, nil
}

func fromTable(raw []byte, table *charmap.Charmap) ([]byte, error) {
	b := make([]byte, 0, len(raw)+len(raw)/8)
	for _, c := range raw {
		r := table.DecodeByte(c)
		if r == utf8.RuneError {
			return nil, errBytes
		}
		b = utf8.AppendRune(b, r)
	}
	return b, nil
}

// errXML returns the answer to unreadable XML.
func errXML(err error) error {
	return &failure{status: http.StatusBadRequest,
		message: "The XML of the request is not well-formed: " + err.Error() + ".", err: err}
}
