package dav

import (
	"fmt"
	"testing"
)

// TestFindCache: equal bodies have equal results, a malformed one is refused each time, and the memory is bounded
// however many bodies come.
func TestFindCache(t *testing.T) {
	var c findCache
	body := []byte(`<propfind xmlns="DAV:"><prop><getetag/></prop></propfind>`)
	first, err := c.parse(body)
	if err != nil || len(first.wanted) != 1 {
		t.Fatalf("%+v, %v", first, err)
	}
	first.lean = true // a request may change its own copy
	if again, err := c.parse(body); err != nil || again.lean || len(again.wanted) != 1 {
		t.Fatalf("%+v, %v", again, err)
	}
	for range 2 {
		if _, err := c.parse([]byte("<propfind")); err == nil {
			t.Fatal("a broken body was taken")
		}
	}
	for i := range 3 * maxFinds {
		if _, err := c.parse(fmt.Appendf(nil, `<propfind xmlns="DAV:"><prop><p%d/></prop></propfind>`, i)); err != nil {
			t.Fatal(err)
		}
		if len(c.known) > maxFinds {
			t.Fatalf("%d bodies are kept", len(c.known))
		}
	}
}
