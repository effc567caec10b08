package people

import (
	"strings"

	"rsc.io/qr"
)

// qrCode returns a short text as a QR code for a terminal: two rows of it a line, in half blocks, black on white
// whatever the terminal's own colours are. It returns nothing for a text that is too long.
func qrCode(text string) string {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return ""
	}
	const (
		quiet = 2 // modules of light margin
		paper = "\x1b[30;107m"
		plain = "\x1b[0m\n"
	)
	blocks := [2][2]string{{" ", "▄"}, {"▀", "█"}} // by whether the upper and the lower module are dark
	var b strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		b.WriteString(paper)
		for x := -quiet; x < code.Size+quiet; x++ {
			b.WriteString(blocks[dark(code, x, y)][dark(code, x, y+1)])
		}
		b.WriteString(plain)
	}
	return b.String()
}

// dark is 1 for a dark module, 0 for a light one and outside.
func dark(code *qr.Code, x, y int) int {
	if x >= 0 && y >= 0 && x < code.Size && y < code.Size && code.Black(x, y) {
		return 1
	}
	return 0
}
