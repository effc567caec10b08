package page

import (
	"fmt"
	"html/template"
	"strings"

	"rsc.io/qr"
)

// qrCode returns a text as a QR code in SVG, or nothing if the text is too long for one.
func qrCode(text string) template.HTML {
	code, err := qr.Encode(text, qr.L)
	if err != nil {
		return ""
	}
	const quiet = 4 // modules of light margin, which readers need
	var b strings.Builder
	size := code.Size + 2*quiet
	fmt.Fprintf(&b, `<svg class="qr" role="img" aria-label="QR code" viewBox="0 0 %d %d" shape-rendering="crispEdges">`+
		`<rect class="light" width="%d" height="%d"/><path class="dark" d="`, size, size, size, size)
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for x+run < code.Size && code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&b, "M%d %dh%dv1h-%dz", x+quiet, y+quiet, run, run)
				x += run
			}
		}
	}
	b.WriteString(`"/></svg>`)
	return template.HTML(b.String())
}
