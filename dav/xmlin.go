package dav

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"strings"
)

// element is a parsed XML element. inner writes a stored element out again, so the prefixes are kept too.
type element struct {
	name     xml.Name // resolved
	prefix   string
	attrs    []attribute
	lang     string // xml:lang in force
	children []any  // *element or string, in order
}

type attribute struct {
	prefix, space, local, value string
}

const (
	davSpace = "DAV:"
	xmlSpace = "http://www.w3.org/XML/1998/namespace"
)

// The bounds of a body; a larger one is rejected. Each is many times what clients send.
const (
	maxNested     = 100   // elements within elements; real bodies have 8
	maxElements   = 10000 // in all; real bodies have 100
	maxAttributes = 100   // of one element, with its namespace declarations
	maxBindings   = 256   // namespace declarations in force at one place
	maxXMLName    = 1024  // bytes of a namespace, a prefix, a local name or a language
)

// readXML parses a request's XML body; nil without an error if there is none. encoding/xml alone is too lenient: it
// accepts undeclared prefixes, prefixes bound to nothing (litmus propfind_invalid2) and document types, so only its
// tokens are used.
func (q *request) readXML() (*element, error) {
	raw, err := q.readRaw()
	if err != nil {
		return nil, err
	}
	return parseXML(raw)
}

// readRaw reads an XML body and returns it in UTF-8.
func (q *request) readRaw() ([]byte, error) {
	b := q.body()
	defer b.end()
	raw, err := io.ReadAll(io.LimitReader(b, largeXML))
	if err == nil && len(raw) == largeXML {
		b.wait.resume() // the request does not wait for the body here
		if err := q.enter(q.h.largeXML, "requests with large bodies"); err != nil {
			return nil, err
		}
		var rest []byte
		rest, err = io.ReadAll(io.LimitReader(b, max(q.h.o.MaxXML+1-largeXML, 0)))
		raw = append(raw, rest...)
	}
	switch {
	case err != nil:
		return nil, bodyFailure(err)
	case int64(len(raw)) > q.h.o.MaxXML:
		return nil, fail(http.StatusRequestEntityTooLarge, "An XML body may have at most %d bytes.", q.h.o.MaxXML)
	}
	if raw, err = utf8XML(raw, q.r.Header.Get("Content-Type")); err != nil {
		return nil, errXML(err)
	}
	return raw, nil
}

func bodyFailure(err error) error {
	f := failureOf(err, false)
	if f.status == http.StatusRequestTimeout {
		return f
	}
	return &failure{status: http.StatusBadRequest, message: "The request broke off before its end.", err: err}
}

func parseXML(raw []byte) (*element, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return nil, nil
	}
	p := xmlParser{d: xml.NewDecoder(bytes.NewReader(raw))}
	p.d.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil } // readRaw has converted it
	root, err := p.document()
	if err != nil {
		return nil, errXML(err)
	}
	return root, nil
}

type xmlParser struct {
	d     *xml.Decoder
	scope []binding
	open  []*element
	marks []int // length of scope before each open element
	count int   // elements so far
	root  *element
}

type binding struct{ prefix, space string }

var (
	errDoctype  = errors.New("document types are not accepted")
	errPrefix   = errors.New("a namespace prefix is not declared")
	errNothing  = errors.New("a namespace prefix is declared as nothing")
	errMismatch = errors.New("an end tag does not fit")
	errNested   = errors.New("elements are nested too deeply")
	errOutside  = errors.New("there is something beside the root element")
	errCut      = errors.New("it ends too early")
	errTwice    = errors.New("an element has an attribute twice")
	errName     = errors.New("a name is not valid")
	errLong     = errors.New("a name, a namespace or a language is too long")
	errMany     = errors.New("there are too many elements, attributes or namespace declarations")
)

func (p *xmlParser) document() (*element, error) {
	for {
		token, err := p.d.RawToken()
		if errors.Is(err, io.EOF) {
			if p.root == nil || len(p.open) > 0 {
				return nil, errCut
			}
			return p.root, nil
		}
		if err != nil {
			return nil, err
		}
		switch t := token.(type) {
		case xml.Directive:
			err = errDoctype
		case xml.StartElement:
			err = p.start(t)
		case xml.EndElement:
			err = p.end(t)
		case xml.CharData:
			err = p.text(string(t))
		}
		if err != nil {
			return nil, err
		}
	}
}

func (p *xmlParser) start(t xml.StartElement) error {
	switch {
	case len(p.open) == 0 && p.root != nil:
		return errOutside
	case len(p.open) >= maxNested:
		return errNested
	case p.count >= maxElements, len(t.Attr) > maxAttributes:
		return errMany
	case len(t.Name.Local) > maxXMLName:
		return errLong
	}
	p.count++
	e := &element{prefix: t.Name.Space}
	if len(p.open) > 0 {
		e.lang = p.open[len(p.open)-1].lang
	}
	mark := len(p.scope)
	for _, a := range t.Attr {
		if err := p.declare(a); err != nil {
			return err
		}
	}
	space, err := p.lookup(t.Name.Space)
	if err != nil {
		return err
	}
	if !validLocal(t.Name.Local) {
		return errName
	}
	e.name = xml.Name{Space: space, Local: t.Name.Local}
	if err := p.attributes(e, t.Attr); err != nil {
		return err
	}
	if len(p.open) > 0 {
		parent := p.open[len(p.open)-1]
		parent.children = append(parent.children, e)
	} else {
		p.root = e
	}
	p.open = append(p.open, e)
	p.marks = append(p.marks, mark)
	return nil
}

// declare adds the binding of an xmlns attribute to the scope, and ignores other attributes.
func (p *xmlParser) declare(a xml.Attr) error {
	if a.Name.Space != "xmlns" && a.Name != (xml.Name{Local: "xmlns"}) {
		return nil
	}
	switch {
	case len(a.Value) > maxXMLName, len(a.Name.Local) > maxXMLName:
		return errLong
	case len(p.scope) >= maxBindings:
		return errMany
	case a.Name.Space == "" && a.Name.Local == "xmlns":
		p.scope = append(p.scope, binding{"", a.Value})
	case a.Name.Space == "xmlns":
		if a.Value == "" {
			return errNothing
		}
		if a.Name.Local == "xmlns" || !validLocal(a.Name.Local) {
			return errName
		}
		p.scope = append(p.scope, binding{a.Name.Local, a.Value})
	}
	return nil
}

func (p *xmlParser) attributes(e *element, attrs []xml.Attr) error {
	for _, a := range attrs {
		if a.Name.Space == "xmlns" || a.Name.Space == "" && a.Name.Local == "xmlns" {
			continue
		}
		switch {
		case !validLocal(a.Name.Local):
			return errName
		case len(a.Name.Local) > maxXMLName:
			return errLong
		}
		kept := attribute{prefix: a.Name.Space, local: a.Name.Local, value: a.Value}
		if a.Name.Space != "" {
			space, err := p.lookup(a.Name.Space)
			if err != nil {
				return err
			}
			kept.space = space
		}
		if kept.space == xmlSpace && kept.local == "lang" {
			if len(kept.value) > maxXMLName {
				return errLong
			}
			e.lang = kept.value
		}
		for _, other := range e.attrs {
			if other.space == kept.space && other.local == kept.local {
				return errTwice
			}
		}
		e.attrs = append(e.attrs, kept)
	}
	return nil
}

func (p *xmlParser) end(t xml.EndElement) error {
	if len(p.open) == 0 {
		return errMismatch
	}
	last := len(p.open) - 1
	e := p.open[last]
	if e.prefix != t.Name.Space || e.name.Local != t.Name.Local {
		return errMismatch
	}
	p.scope = p.scope[:p.marks[last]]
	p.open, p.marks = p.open[:last], p.marks[:last]
	return nil
}

func (p *xmlParser) text(s string) error {
	if len(p.open) == 0 {
		if strings.TrimSpace(strings.TrimPrefix(s, "\ufeff")) != "" {
			return errOutside
		}
		return nil
	}
	e := p.open[len(p.open)-1]
	e.children = append(e.children, s)
	return nil
}

func (p *xmlParser) lookup(prefix string) (string, error) {
	if prefix == "xml" {
		return xmlSpace, nil
	}
	for i := len(p.scope) - 1; i >= 0; i-- {
		if p.scope[i].prefix == prefix {
			return p.scope[i].space, nil
		}
	}
	if prefix == "" {
		return "", nil
	}
	return "", errPrefix
}

// validLocal rejects invalid local names that encoding/xml accepts, such as "a:".
func validLocal(s string) bool { return s != "" && !strings.Contains(s, ":") }

// elements yields the child elements.
func (e *element) elements(yield func(*element) bool) {
	for _, c := range e.children {
		if kid, ok := c.(*element); ok && !yield(kid) {
			return
		}
	}
}

// child returns the first child in DAV: with a name, or nil.
func (e *element) child(local string) *element {
	for kid := range e.elements {
		if kid.is(local) {
			return kid
		}
	}
	return nil
}

func (e *element) is(local string) bool {
	return e.name == xml.Name{Space: davSpace, Local: local}
}

// text returns the character data within and below, without surrounding spaces.
func (e *element) text() string {
	var b strings.Builder
	var walk func(*element)
	walk = func(e *element) {
		for _, c := range e.children {
			switch c := c.(type) {
			case string:
				b.WriteString(c)
			case *element:
				walk(c)
			}
		}
	}
	walk(e)
	return strings.TrimSpace(b.String())
}

// inner returns the element's inner XML in a form that is valid anywhere: it declares every prefix that it uses. It
// returns false if that takes more than limit bytes: a namespace declared once in a body may be needed again in each
// child, so a small body could become a large value.
func (e *element) inner(limit int) (string, bool) {
	w := xmlWriter{limit: limit}
	for _, c := range e.children {
		if w.full() {
			break
		}
		w.node(c, nil)
	}
	return string(w.b), !w.full()
}

// xmlWriter writes elements until it is full.
type xmlWriter struct {
	b     []byte
	limit int
}

func (w *xmlWriter) full() bool { return len(w.b) > w.limit }

// node appends an element or a text. When the writer is full it stops early: the result is then unusable.
func (w *xmlWriter) node(node any, scope []binding) {
	e, ok := node.(*element)
	if !ok {
		w.b = appendText(w.b, node.(string))
		return
	}
	w.b = append(w.b, '<')
	w.b = appendName(w.b, e.prefix, e.name.Local)
	w.b, scope = declareOnce(w.b, scope, e.prefix, e.name.Space)
	for _, a := range e.attrs {
		if a.prefix != "" && a.prefix != "xml" {
			w.b, scope = declareOnce(w.b, scope, a.prefix, a.space)
		}
		w.b = append(w.b, ' ')
		w.b = appendName(w.b, a.prefix, a.local)
		w.b = append(w.b, `="`...)
		w.b = append(appendAttr(w.b, a.value), '"')
	}
	if len(e.children) == 0 {
		w.b = append(w.b, "/>"...)
		return
	}
	w.b = append(w.b, '>')
	for _, c := range e.children {
		if w.full() {
			return
		}
		w.node(c, scope)
	}
	w.b = append(w.b, "</"...)
	w.b = append(appendName(w.b, e.prefix, e.name.Local), '>')
}

// declareOnce declares a prefix unless it means that already.
func declareOnce(b []byte, scope []binding, prefix, space string) ([]byte, []binding) {
	if prefix == "xml" {
		return b, scope
	}
	in := ""
	for _, s := range scope {
		if s.prefix == prefix {
			in = s.space
		}
	}
	if in == space {
		return b, scope
	}
	b = append(b, " xmlns"...)
	if prefix != "" {
		b = append(append(b, ':'), prefix...)
	}
	b = append(appendAttr(append(b, `="`...), space), '"')
	return b, append(scope[:len(scope):len(scope)], binding{prefix, space})
}

func appendName(b []byte, prefix, local string) []byte {
	if prefix != "" {
		b = append(append(b, prefix...), ':')
	}
	return append(b, local...)
}
