package page

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"

	"postern/crypto/alloctest"
	"postern/vfs"
	"postern/vfs/vfstest"
)

// perPage bounds the allocations of one page, which are more than its memory at any time.
const perPage = 150 << 20

// hostile returns texts with a high cost per byte for a renderer.
func hostile(size int) map[string]string {
	fill := func(s string) string { return strings.Repeat(s, size/len(s)) }
	var ticks, refs strings.Builder
	for i := 1; ticks.Len() < size; i++ {
		ticks.WriteString(strings.Repeat("`", i) + " ")
	}
	for i := 0; refs.Len() < size/2; i++ {
		fmt.Fprintf(&refs, "[a%d]: x%[1]d\n", i)
	}
	for i := 0; refs.Len() < size; i++ {
		fmt.Fprintf(&refs, "[a%d]", i)
	}
	texts := map[string]string{
		"wide table": strings.Repeat("|", size/3) + "\n" + strings.Repeat("|-", size/6) + "\n" +
			fill("|\n")[:size/3],
		"wide table in quote": "> " + strings.Repeat("|", size/3) + "\n> " + strings.Repeat("|-", size/6) + "\n" +
			fill("> a\n")[:size/3],
		"square tables": fill("\n" + strings.Repeat("a|", 200) + "\n" + strings.Repeat("-|", 200) + "\n" +
			strings.Repeat("|\n", 200)),
		"table without pipes":  "a|b\n-|-\n" + fill("c\n"),
		"escaped pipes":        "a|b\n-|-\n" + fill("`\\|`|b\n"),
		"one address":          "[a]: " + strings.Repeat("x", size/2) + "\n\n" + strings.Repeat("[a]", size/6),
		"one title":            "[a]: x \"" + strings.Repeat("y", size/2) + "\"\n\n" + strings.Repeat("[a]", size/6),
		"one image":            "[a]: " + strings.Repeat("x", size/2) + "\n\n" + strings.Repeat("![a]", size/8),
		"many definitions":     refs.String(),
		"quotes in a line":     strings.Repeat(">", size),
		"quotes":               fill(strings.Repeat(">", maxQuotes) + "a\n\n"),
		"items in a line":      fill("- "),
		"items":                fill(strings.Repeat("- ", maxQuotes) + "a\n"),
		"numbers in a line":    fill("1. "),
		"lines that go on":     fill(strings.Repeat("> ", maxQuotes) + "a\nb\n"),
		"emphasis":             fill("*a **a "),
		"emphasis in emphasis": strings.Repeat("*a ", size/6) + strings.Repeat("a* ", size/6),
		"crossed emphasis":     fill("*a_ "),
		"brackets":             fill("["),
		"nested brackets":      strings.Repeat("[", size/2) + strings.Repeat("]", size/2),
		"open links":           fill("[a]("),
		"open addresses":       fill("[a](<b"),
		"ticks":                ticks.String(),
		"comments":             fill("a <!--"),
		"open tags":            fill("a <b c='"),
		"entities":             fill("&#"),
		"ampersands":           fill("&"),
		"addresses":            fill("http://a.b/ "),
		"mail addresses":       fill("a@b.c "),
		"headings":             fill("# a\n"),
		"tasks":                fill("- [ ] a\n"),
		"one line":             fill("a"),
		"line ends":            fill("\n"),
		"tabs":                 fill("\t"),
		"control characters":   fill("\x01"),
	}
	var deep strings.Builder
	for i := 0; deep.Len() < size; i++ {
		deep.WriteString(strings.Repeat("  ", i) + "- a\n")
	}
	texts["lists in lists"] = deep.String()
	return texts
}

// TestHostileText shows hostile texts of several sizes, as Markdown and as text.
func TestHostileText(t *testing.T) {
	fs := vfstest.NewModel(vfstest.ModelOptions{})
	pages := New(Options{})
	show := func(t *testing.T, name, text string) {
		up, err := fs.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		up.Write([]byte(text))
		if _, _, err := up.Commit(t.Context(), vfs.CommitOptions{}); err != nil {
			t.Fatal(err)
		}
		f, err := fs.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		alloctest.Within(t, perPage, func() {
			w := httptest.NewRecorder()
			if err := pages.File(w, httptest.NewRequest("GET", name+"?view", nil), name, f); err != nil || w.Code != 200 {
				t.Fatal(w.Code, err)
			}
		})
	}
	for _, size := range []int{10 << 10, 52 << 10, maxMarkdown - 1024, maxText - 1024} {
		for name, text := range hostile(size) {
			t.Run(fmt.Sprint(name, " ", size), func(t *testing.T) {
				show(t, "/files/a.md", text)
				show(t, "/files/a.txt", text)
			})
		}
	}
}

// TestSimple: ordinary texts are rendered.
func TestSimple(t *testing.T) {
	for name, text := range map[string]string{
		"table": "| a | b |\n|---|---|\n" + strings.Repeat("| one *two* | [three](https://example.com) |\n", 1000),
		"list":  strings.Repeat("- [name](https://example.com/a_b) – what `it` does\n", 3000),
		"paragraphs": strings.Repeat("Some **bold** text with a [link][1] and `code`.\n", 200) +
			"\n[1]: https://example.com\n",
		"code":   "```\n" + strings.Repeat("\tif a || b { c[i] = *p & 0xff }\n", 500) + "```\n",
		"nested": "> > - a\n> >   - b\n> >     - c\n> >       1. d\n",
		"a rule": "a\n\n" + strings.Repeat("-", 200) + "\n\n" + strings.Repeat("- ", 40) + "\n",
	} {
		if got, err := markdown(t.Context(), text); err != nil || got == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRenderingEnds: waiting for the rendering of other texts ends with the request.
func TestRenderingEnds(t *testing.T) {
	for range maxRenders {
		end, err := turn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer end()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := markdown(ctx, "a"); err != context.Canceled {
		t.Fatal(err)
	}
}
