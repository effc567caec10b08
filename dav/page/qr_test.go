package page

import (
	"strings"
	"testing"
)

// TestQRCode: a code is one path of dark modules on a light ground; a text that is too long for one has none.
func TestQRCode(t *testing.T) {
	code := string(qrCode("HELLO"))
	if !strings.Contains(code, `viewBox="0 0 29 29"`) || !strings.Contains(code, `d="M4 4h7v1h-7z`) {
		t.Errorf("a code of 21 modules with a margin of 4 is %s", code)
	}
	if card := qrCode("postern:card#" + strings.Repeat("A", 1900)); len(card) < 10_000 {
		t.Errorf("a contact card has a code of %d bytes", len(card))
	}
	if long := qrCode(strings.Repeat("A", 10_000)); long != "" {
		t.Error("a text of 10,000 bytes has a code")
	}
}
