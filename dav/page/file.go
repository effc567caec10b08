package page

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/http"
	pathpkg "path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"postern/vfs"
)

// maxText bounds how much of a text is shown, in bytes; a download has the rest.
const maxText = 512 << 10

// sheet is a file's page.
type sheet struct {
	common
	Row      row
	Kind     string // the kind of preview; "file" for none
	Text     string
	Rendered template.HTML // of Markdown
	Cut      string        // how much of the text is shown, if not all
	Empty    bool
	SHA1     string
	Type     string
	Folder   template.URL // that it lies in
}

// File shows a file with a preview. It reads from f at most what a text's preview needs.
func (p *Pages) File(w http.ResponseWriter, r *http.Request, path string, f vfs.File) error {
	info := f.Info()
	c, err := p.common(path, info)
	if err != nil {
		return err
	}
	s := sheet{
		common: c, Row: p.row(0, pathpkg.Dir(path), info), Kind: kindOf(info), Empty: info.Size == 0,
		SHA1: hex.EncodeToString(info.SHA1[:]), Type: plainType(info.ContentType), Folder: href(pathpkg.Dir(path), true),
	}
	s.Changes = s.Row.Own() || s.Row.Restore != ""
	if s.Kind == "pdf" && s.Type != "application/pdf" {
		s.Kind = "file" // served as another type, a frame would download it
	}
	switch s.Kind {
	case "text", "markdown", "file":
		if err := s.read(r.Context(), f); err != nil {
			return err
		}
	}
	if s.Kind == "text" && (strings.HasPrefix(s.Type, "audio/") || strings.HasPrefix(s.Type, "video/")) {
		s.Type = "" // a guess from the name, which the contents refute
	}
	return p.write(w, r, "file", c, s)
}

// plainType returns a content type without its parameters.
func plainType(t string) string {
	t, _, _ = strings.Cut(t, ";")
	return strings.TrimSpace(t)
}

// read reads the beginning of a file and detects whether it is text.
func (s *sheet) read(ctx context.Context, f io.Reader) error {
	limit := maxText
	if s.Kind == "file" {
		limit = 4 << 10 // first see whether it is text at all
	}
	data, err := readUpTo(f, nil, limit)
	if err != nil {
		return err
	}
	if s.Kind == "file" {
		begin := data
		if len(begin) > limit {
			begin = whole(begin[:limit])
		}
		if _, ok := text(begin); !ok || len(begin) == 0 {
			return nil
		}
		s.Kind = "text"
		if data, err = readUpTo(f, data, maxText); err != nil {
			return err
		}
	}
	more := len(data) > maxText
	if more {
		data = whole(data[:maxText])
		s.Cut = size(maxText)
	}
	shown, ok := text(data)
	switch {
	case !ok:
		s.Kind, s.Cut = "file", ""
	case s.Kind == "markdown" && !more:
		s.Rendered, err = markdown(ctx, shown)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			s.Kind, s.Text = "text", printable(shown)
		}
	default:
		s.Kind, s.Text = "text", printable(shown)
	}
	return nil
}

// readUpTo appends to data until it has one byte more than limit, or all of f.
func readUpTo(f io.Reader, data []byte, limit int) ([]byte, error) {
	have := len(data)
	data = append(data, make([]byte, limit+1-have)...)
	n, err := io.ReadFull(f, data[have:])
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, fmt.Errorf("read for a preview: %w", err)
	}
	return data[:have+n], nil
}

// whole removes a character that was cut in two at the end.
func whole(data []byte) []byte {
	for i := range min(utf8.UTFMax, len(data)) {
		if at := len(data) - 1 - i; utf8.RuneStart(data[at]) {
			if !utf8.FullRune(data[at:]) {
				return data[:at]
			}
			break
		}
	}
	return data
}

// text decodes UTF-8, UTF-16 with a byte order mark, and takes anything else without zero bytes for Latin-1.
func text(data []byte) (string, bool) {
	switch {
	case len(data) >= 2 && data[0] == 0xff && data[1] == 0xfe:
		return utf16Text(data[2:], binary.LittleEndian), true
	case len(data) >= 2 && data[0] == 0xfe && data[1] == 0xff:
		return utf16Text(data[2:], binary.BigEndian), true
	}
	strange := 0
	for _, c := range data {
		if c == 0 {
			return "", false
		}
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 0x1b {
			strange++
		}
	}
	if utf8.Valid(data) {
		return strings.TrimPrefix(string(data), "\ufeff"), true
	}
	if strange*20 > len(data) {
		return "", false
	}
	runes := make([]rune, len(data))
	for i, c := range data {
		runes[i] = rune(c)
	}
	return string(runes), true
}

func utf16Text(data []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}

// printable returns a text without characters that can't be shown or would disguise it.
func printable(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	for i, line := range lines {
		parts := strings.Split(line, "\t")
		for j, part := range parts {
			parts[j] = visible(part)
		}
		lines[i] = strings.Join(parts, "\t")
	}
	return strings.Join(lines, "\n")
}
