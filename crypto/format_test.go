package crypto

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// tableRows returns the cells of the rows in a document, up to the sections of package object, whose first cell begins
// as given.
func tableRows(t *testing.T, path string, begins func(cell string) bool) (rows [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	own, _, _ := strings.Cut(string(text), "\n## Folder pages")
	for line := range strings.Lines(own) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if begins(cells[0]) {
			rows = append(rows, cells)
		}
	}
	return rows
}

// numbers returns cells as numbers.
func numbers(t *testing.T, cells []string) (n []int) {
	t.Helper()
	for _, cell := range cells {
		i, err := strconv.Atoi(cell)
		if err != nil {
			t.Fatalf("%q is no number", cell)
		}
		n = append(n, i)
	}
	return n
}

// The worked sizes of FORMAT.md are right.
func TestFormatTablesOfPadding(t *testing.T) {
	n := tableRows(t, "FORMAT.md", func(cell string) bool { return cell == "n" })
	padded := tableRows(t, "FORMAT.md", func(cell string) bool { return cell == "padded" })
	if len(n) != 1 || len(padded) != 1 || len(n[0]) != len(padded[0]) || len(n[0]) < 9 {
		t.Fatalf("the table of padded sizes is not there: %v, %v", n, padded)
	}
	want := numbers(t, padded[0][1:])
	for i, n := range numbers(t, n[0][1:]) {
		if got := PaddedSize(n); got != want[i] {
			t.Errorf("%d is padded to %d, by FORMAT.md to %d", n, got, want[i])
		}
	}
}

func TestFormatTablesOfChunks(t *testing.T) {
	rows := 0
	for _, row := range tableRows(t, "FORMAT.md",
		func(cell string) bool { _, err := strconv.Atoi(cell); return err == nil }) {
		if len(row) != 4 {
			continue
		}
		rows++
		n := numbers(t, row)
		if SegmentCount(n[0]) != n[1] || SealedChunkSize(n[0]) != n[2] || PaddedSize(n[2]) != n[3] {
			t.Errorf("a chunk of %d has %d segments, is sealed to %d and padded to %d; by FORMAT.md %v", n[0],
				SegmentCount(n[0]), SealedChunkSize(n[0]), PaddedSize(n[2]), n[1:])
		}
	}
	if rows < 6 {
		t.Errorf("FORMAT.md has %d rows of sealed chunks", rows)
	}
}

// The layouts that the code writes are those of FORMAT.md.
func TestFormatLayouts(t *testing.T) {
	for name, c := range map[string]struct{ got, want int }{
		"chunk metadata": {ChunkMetaSize, 96},
		"segment":        {SealedSegmentSize, 65552},
		"largest blob":   {MaxBlobSize, 5244256},
		"pointer id":     {pointerOffID, 8},
		"pointer seq":    {pointerOffSeq, 40},
		"pointer value":  {pointerOffValue, 48},
		"signature":      {pointerOffSignature, 304},
		"pointer":        {PointerSize, 368},
		"value":          {MaxValue, 206},
		"sealed value":   {valuePlainSize + TagSize, 224},
		"letter":         {LetterSize, 4096},
		"plain letter":   {LetterPlain, 2952},
		"recipient":      {messageOffTo, 22},
		"reply":          {messageOffReply, 54},
		"pair space":     {messageOffPair, 70},
		"card":           {messageOffCard, 187},
		"signed message": {messageOffSignature, 2888},
		"longest card":   {maxPackedCard, 2701},
		"name in a card": {packedOffName, 1288},
		"link":           {linkSize, 81},
		"name in a link": {MaxLinkName, 48},
		"bound of CBOR":  {maxCBORSize, 5244256},
		"levels of CBOR": {maxCBORNested, 16},
		"items of CBOR":  {maxCBORItems, 65536},
	} {
		if c.got != c.want {
			t.Errorf("%s: %d, by FORMAT.md %d", name, c.got, c.want)
		}
	}
}

// Both documents link to existing headings.
func TestDocumentLinks(t *testing.T) {
	for _, path := range []string{"FORMAT.md", "THREATS.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		headings := make(map[string]bool)
		for line := range strings.Lines(string(text)) {
			if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && line[0] == '#' {
				headings[anchor(title)] = true
			}
		}
		links := strings.Split(string(text), "](#")[1:]
		for _, link := range links {
			if to, _, _ := strings.Cut(link, ")"); !headings[to] {
				t.Errorf("%s links to #%s, which is not there", path, to)
			}
		}
		if len(links) < 10 {
			t.Errorf("%s has only %d links", path, len(links))
		}
	}
}

// anchor returns the link target of a heading.
func anchor(title string) string {
	return strings.ReplaceAll(strings.ToLower(strings.TrimSpace(title)), " ", "-")
}
