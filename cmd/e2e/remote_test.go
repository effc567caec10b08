//go:build e2e

package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"math/bits"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	minBlob  = 4096
	fullBlob = 96 + 80*(65536+16) // one sealed chunk of 5 MiB
)

// padded reports whether a blob may have this size: the smallest, a full chunk, or a Padmé size (Nikitin et al., 2019).
func padded(n int64) bool {
	if n == minBlob || n == fullBlob {
		return true
	}
	e := bits.Len64(uint64(n)) - 1
	s := bits.Len64(uint64(e))
	return n > minBlob && n < fullBlob && n&(1<<(e-s)-1) == 0
}

// TestRemoteHoldsNothing reads every byte at the remote after a varied session and finds no name, no content, no
// structure, and only padded sizes.
func TestRemoteHoldsNothing(t *testing.T) {
	g := serve(t)
	secrets := []string{"Quarterly-Figures", "salaries.ods", "very secret contents", "a dead property's value",
		"Project Postern Plans"}
	text := []byte(strings.Repeat("very secret contents of no interest to a remote. ", 50_000))
	g.must("MKCOL", "/files/Quarterly-Figures/", nil)
	g.must("MKCOL", "/files/Project%20Postern%20Plans/", nil)
	for i, size := range []int{0, 1, 100, 4096, 70_000, 524_288, 524_289, len(text)} {
		g.must(http.MethodPut, fmt.Sprintf("/files/Quarterly-Figures/%dsalaries.ods", i), bytes.NewReader(text[:size]))
	}
	g.must(http.MethodPut, "/files/large", bytes.NewReader(bytes.Repeat(text, 12)))
	g.must("PROPPATCH", "/files/large",
		strings.NewReader(`<propertyupdate xmlns="DAV:"><set><prop><x xmlns="urn:x">a dead property's value</x></prop>`+
			`</set></propertyupdate>`))
	g.must("COPY", "/files/Quarterly-Figures/", nil, "Destination", g.url("/files/copy/"))
	g.must("MOVE", "/files/copy/", nil, "Destination", g.url("/files/Project%20Postern%20Plans/copy/"))
	g.must(http.MethodDelete, "/files/Quarterly-Figures/1salaries.ods", nil)
	if out, err := g.postern("flush"); err != nil {
		t.Fatalf("flush: %v %s", err, out)
	}
	var needles [][]byte
	for _, s := range secrets {
		needles = append(needles, []byte(s), []byte(strings.ToLower(s)), []byte(hex.EncodeToString([]byte(s))),
			[]byte(base64.StdEncoding.EncodeToString([]byte(s))[:len(s)]))
	}
	blobs := 0
	err := filepath.WalkDir(filepath.Join(g.home, "remote"), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(path[len(g.home):]), strings.ToLower(s)) {
				t.Errorf("the path %s holds %q", path, s)
			}
		}
		if d.IsDir() {
			return nil
		}
		body, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, n := range needles {
			if bytes.Contains(body, n) {
				t.Errorf("%s holds %q", path, needles[i])
			}
		}
		if name := d.Name(); len(name) == 64 && len(body) >= minBlob {
			blobs++
			if !padded(int64(len(body))) {
				t.Errorf("blob %s has %d bytes, which is no padded size", name, len(body))
			}
			looksRandom(t, path, body)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if blobs < 3 {
		t.Fatalf("only %d blobs were looked at", blobs)
	}
}

// looksRandom checks by chi-squared, far beyond chance, that all byte values are about equally frequent. Structure, a
// run of zeros, text or a repeated header would fail.
func looksRandom(t *testing.T, path string, body []byte) {
	t.Helper()
	var counts [256]float64
	for _, b := range body {
		counts[b]++
	}
	want, chi := float64(len(body))/256, 0.0
	for _, c := range counts {
		chi += (c - want) * (c - want) / want
	}
	if chi > 255+8*22.6 { // mean 255, deviation √510
		t.Errorf("%s does not look random: chi-squared %.0f", path, chi)
	}
	for i := 0; i+64 <= len(body); i += 16 {
		if bytes.Equal(body[i:i+16], body[i+16:i+32]) {
			t.Errorf("%s repeats itself at %d", path, i)
			return
		}
	}
}
