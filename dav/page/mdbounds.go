package page

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/yuin/goldmark/ast"
)

// The bounds of a Markdown text that is rendered. Longer texts are shown as plain text. goldmark fills each row of a
// table up to the width of its head, copies a link's address to each place that refers to it, and needs quadratic time
// for some runs of emphasis and brackets, so that small texts can take gigabytes and minutes.
const (
	maxMarkdown  = 256 << 10 // bytes of the text
	maxCells     = 50000     // of all tables, filled-up cells included
	maxMarks     = 8000      // characters of one block that can be markup
	maxEscaped   = 500       // escaped pipes
	maxQuotes    = 50        // markers of quotes and list items before a line
	maxIndent    = 200       // columns before a line: lists within lists
	maxAddresses = 1 << 20   // bytes of all links' addresses and titles, at each place where they are used
	maxHTML      = 4 << 20   // bytes of the rendered text
	maxRenders   = 2         // texts rendered at one time
)

var errComplex = errors.New("the text is too complex to be rendered")

// simple reports whether goldmark can parse a text in little memory and time. It overestimates, since it does not know
// which lines are code.
func simple(source string) bool {
	if len(source) > maxMarkdown || strings.Count(source, `\|`) > maxEscaped {
		return false
	}
	var cells, marks, columns, rows int
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\r\n")
		before, indent := leading(line)
		if before > maxQuotes || indent > maxIndent {
			return false
		}
		text := strings.TrimLeft(line, " \t")
		if text == "" { // the block ends
			cells += columns * rows
			columns, rows, marks = 0, 0, 0
			continue
		}
		if begins(text) && len(line)-len(text) < 4 {
			marks = 0
		}
		if pipes := strings.Count(text, "|"); pipes > 0 || rows > 0 || strings.ContainsAny(text, "-:") {
			columns = max(columns, pipes+1)
		}
		rows++
		for i := range len(text) {
			if strings.IndexByte("*_[]~`<&!\\", text[i]) >= 0 {
				marks++
			}
		}
		if marks > maxMarks || columns > 1 && cells+columns*rows > maxCells {
			return false
		}
	}
	return true
}

// begins reports whether a line without its indentation begins a block: a heading or an item of a list.
func begins(text string) bool {
	return text[0] == '#' || len(text) > 2 && strings.IndexByte("-+*", text[0]) >= 0 && text[1] == ' ' && text[2] != ' '
}

// leading returns how many markers of quotes and items come before a line's text, and the columns of spaces among them.
func leading(line string) (markers, columns int) {
	for i := range len(line) {
		switch c := line[i]; {
		case c == ' ':
			columns++
		case c == '\t':
			columns += 4
		case c == '>':
			markers++
		case strings.IndexByte("-+*.)", c) >= 0:
			if i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t') {
				markers++
			}
		case c < '0' || '9' < c:
			return markers, columns
		}
	}
	return markers, columns
}

// addresses is the number of bytes of all addresses and titles in a parsed text.
func addresses(doc ast.Node) int {
	sum := 0
	for n := doc; n != nil; n = following(n) {
		switch n := n.(type) {
		case *ast.Link:
			sum += len(n.Destination) + len(n.Title)
		case *ast.Image:
			sum += len(n.Destination) + len(n.Title)
		}
	}
	return sum
}

// following returns the node after n in the order of the text, nil after the last.
func following(n ast.Node) ast.Node {
	if child := n.FirstChild(); child != nil {
		return child
	}
	for ; n != nil; n = n.Parent() {
		if next := n.NextSibling(); next != nil {
			return next
		}
	}
	return nil
}

// bounded is a buffer that fails when it has more than maxHTML bytes.
type bounded struct{ bytes.Buffer }

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxHTML {
		return 0, errComplex
	}
	return b.Buffer.Write(p)
}

// renders bounds how many texts are rendered at one time.
var renders = make(chan struct{}, maxRenders)

// turn waits until a text may be rendered; the returned function ends it. The error is the context's.
func turn(ctx context.Context) (end func(), err error) {
	select {
	case renders <- struct{}{}:
		return func() { <-renders }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
