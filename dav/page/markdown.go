package page

import (
	"context"
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	goldtext "github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// renderer reads CommonMark with GitHub's tables, task lists and the like. goldmark drops raw HTML, and the result
// passes a sieve as well.
var renderer = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.TaskList,
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(localImages{}, 100))))
})

// sieve allows the safe parts of a rendered text: no ids and names, which could imitate those of the page, no classes
// but a code's language, no images from other hosts.
var sieve = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements("h1", "h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre", "code", "em", "strong",
		"del",
		"ul", "li", "table", "thead", "tbody", "tr")
	p.AllowAttrs("start").Matching(bluemonday.Integer).OnElements("ol")
	p.AllowElements("ol", "th", "td")
	p.AllowAttrs("align").Matching(regexp.MustCompile(`^(left|right|center)$`)).OnElements("th", "td")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^language-[A-Za-z0-9_+-]{1,32}$`)).OnElements("code")
	p.AllowAttrs("type").Matching(regexp.MustCompile(`^checkbox$`)).OnElements("input")
	p.AllowAttrs("checked", "disabled").OnElements("input")
	p.AllowAttrs("href", "title").OnElements("a")
	p.AllowURLSchemes("http", "https", "mailto")
	p.AllowRelativeURLs(true)
	p.RequireNoFollowOnLinks(true)
	p.RequireNoReferrerOnLinks(true)
	p.AllowAttrs("src").Matching(local).OnElements("img")
	p.AllowAttrs("alt", "title").OnElements("img")
	return p
})

// local matches addresses on this drive: without scheme and host. A backslash is a slash to browsers.
var local = regexp.MustCompile(`^(/?[A-Za-z0-9_.~%-][^:\\]*|/)$`)

// localImages replaces each image from another host by a link: loading it would reveal to a stranger who reads the
// text, and when.
type localImages struct{}

// Transform implements parser.ASTTransformer.
func (localImages) Transform(doc *ast.Document, _ goldtext.Reader, _ parser.Context) {
	var remote []*ast.Image
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) { // the walker has no errors
		if image, ok := n.(*ast.Image); ok && entering && !local.Match(image.Destination) {
			remote = append(remote, image)
		}
		return ast.WalkContinue, nil
	})
	for _, image := range remote {
		link := ast.NewLink()
		link.Destination, link.Title = image.Destination, image.Title
		for child := image.FirstChild(); child != nil; child = image.FirstChild() {
			link.AppendChild(link, child)
		}
		if link.FirstChild() == nil {
			link.AppendChild(link, ast.NewString([]byte("image")))
		}
		image.Parent().ReplaceChild(image.Parent(), image, link)
	}
}

// boxes gives the boxes of a task list a name for screen readers.
var boxes = strings.NewReplacer(
	`<input checked="" disabled="" type="checkbox"`, `<input checked="" disabled="" type="checkbox" aria-label="Done"`,
	`<input disabled="" type="checkbox"`, `<input disabled="" type="checkbox" aria-label="To do"`)

// markdown renders a text. Errors: errComplex for a text that is better shown as plain text, and the context's.
func markdown(ctx context.Context, source string) (template.HTML, error) {
	if !simple(source) {
		return "", errComplex
	}
	end, err := turn(ctx)
	if err != nil {
		return "", err
	}
	defer end()
	text := []byte(source)
	doc := renderer().Parser().Parse(goldtext.NewReader(text))
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case addresses(doc) > maxAddresses:
		return "", errComplex
	}
	var b bounded
	if err := renderer().Renderer().Render(&b, text, doc); err != nil {
		return "", fmt.Errorf("render Markdown: %w", err)
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	return template.HTML(boxes.Replace(strings.TrimSpace(string(sieve().SanitizeBytes(b.Bytes()))))), nil
}
