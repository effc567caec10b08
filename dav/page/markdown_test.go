package page

import (
	"html/template"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"postern/crypto/alloctest"
)

func TestMarkdown(t *testing.T) {
	for _, tt := range []struct{ name, source, want string }{
		{"heading without id", "# A", "<h1>A</h1>"},
		{"emphasis", "*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>"},
		{"raw HTML", "<b onclick=x>a</b>", "<p>a</p>"},
		{"script", "<script>alert(1)</script>", ""},
		{"relative link", "[a](b.txt)", `<p><a href="b.txt" rel="nofollow noreferrer">a</a></p>`},
		{"script link", "[a](javascript:alert(1))", "<p>a</p>"},
		{"data link", "[a](data:text/html,x)", "<p>a</p>"},
		{"local image", "![a](pics/b.png)", `<p><img src="pics/b.png" alt="a"></p>`},
		{"image from the root", "![a](/files/b.png)", `<p><img src="/files/b.png" alt="a"></p>`},
		{"remote image", "![a](https://evil.example/b.png)",
			`<p><a href="https://evil.example/b.png" rel="nofollow noreferrer">a</a></p>`},
		{"remote image without a name", "![](https://evil.example/b.png)",
			`<p><a href="https://evil.example/b.png" rel="nofollow noreferrer">image</a></p>`},
		{"image by host", "![a](//evil.example/b.png)",
			`<p><a href="//evil.example/b.png" rel="nofollow noreferrer">a</a></p>`},
		{"image by backslashes", `![a](/\evil.example/b.png)`,
			`<p><a href="/%5Cevil.example/b.png" rel="nofollow noreferrer">a</a></p>`},
		{"data image", "![a](data:image/png;base64,AAAA)", "<p>a</p>"},
		{"code", "```go\nx<y\n```", "<pre><code class=\"language-go\">x&lt;y\n</code></pre>"},
		{"task", "- [x] a", `<ul>` + "\n" + `<li><input checked="" disabled="" type="checkbox" aria-label="Done"> a</li>` +
			"\n</ul>"},
	} {
		got, err := markdown(t.Context(), tt.source)
		if err != nil || string(got) != tt.want {
			t.Errorf("%s: %q %v, want %q", tt.name, got, err, tt.want)
		}
	}
	if got, _ := markdown(t.Context(), "| a | b |\n|---|--:|\n| 1 | 2 |\n"); !strings.Contains(string(got),
		`<td align="right">2</td>`) {
		t.Errorf("table: %s", got)
	}
}

// FuzzMarkdown: no script runs, nothing is loaded from other hosts, nothing imitates the page's own elements.
func FuzzMarkdown(f *testing.F) {
	for _, s := range []string{
		"# a", "<img src=//x>", "![x](http://y/z)", "![x](<http://y>)", "[a]: http://b\n![c][a]", "<svg onload=x>",
		"[x](JaVaScRiPt:y)", "![a](\\\\b)", "- [ ] a\n\n|a|\n|-|\n|b|",
		"<a id=ask name=ask>", "http://a.example", "```\"onload=x\na\n```", "![a](/\t/evil)", "![a](&#47;&#47;evil)",
		"[a](&#106;avascript:x)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, source string) {
		var out template.HTML
		var err error
		alloctest.Check(t, len(source), func() { out, err = markdown(t.Context(), source) })
		if err != nil {
			t.Skip()
		}
		tokens := html.NewTokenizer(strings.NewReader(string(out)))
		for tokens.Next() != html.ErrorToken {
			token := tokens.Token()
			switch token.Data {
			case "script", "iframe", "object", "embed", "svg", "math", "style", "link", "form", "base", "meta":
				if token.Type != html.TextToken {
					t.Fatalf("<%s> from %q", token.Data, source)
				}
			}
			for _, a := range token.Attr {
				value := strings.ToLower(strings.TrimSpace(a.Val))
				switch {
				case strings.HasPrefix(a.Key, "on"), a.Key == "id", a.Key == "name", a.Key == "style":
					t.Fatalf("%s=%q from %q", a.Key, a.Val, source)
				case a.Key == "src" && (strings.HasPrefix(value, "//") || strings.ContainsAny(value, ":\\")):
					t.Fatalf("an image of %q from %q", a.Val, source)
				case a.Key == "href" && (strings.HasPrefix(value, "javascript:") || strings.HasPrefix(value, "data:") ||
					strings.HasPrefix(value, "vbscript:")):
					t.Fatalf("a link to %q from %q", a.Val, source)
				}
			}
		}
		if err := tokens.Err(); err != io.EOF {
			t.Fatalf("%q gives %q: %v", source, out, err)
		}
	})
}
