package dav

import (
	"strings"

	"golang.org/x/net/webdav"
)

// maxConditions bounds an If header; clients send one to four.
const maxConditions = 1000

// ifHeader is a parsed If header (RFC 4918, 10.4): the request may continue if one of the lists holds.
type ifHeader []ifList

// ifList is a list of conditions that must all hold.
type ifList struct {
	tag        string // its URL; "": the request's own
	conditions []webdav.Condition
}

// tokens returns all state tokens in the header. A token is submitted by its mere presence, at any place (10.4.1).
func (h ifHeader) tokens() []string {
	var found []string
	for _, l := range h {
		for _, c := range l.conditions {
			if c.Token != "" && c.Token != noLock {
				found = append(found, c.Token)
			}
		}
	}
	return found
}

// noLock is a state token that no resource ever has (10.4.8).
const noLock = "DAV:no-lock"

// parseIf parses the fields of an If header, several as one.
//
//	If = ( 1*No-tag-list | 1*Tagged-list )    No-tag-list = List    Tagged-list = Resource-Tag 1*List
//	List = "(" 1*Condition ")"    Condition = ["Not"] (State-token | "[" entity-tag "]")
func parseIf(fields []string) (ifHeader, bool) {
	p := ifParser{rest: strings.Join(fields, " ")}
	var h ifHeader
	tag, tagged := "", false
	for n := 0; ; {
		p.space()
		switch {
		case p.rest == "":
			return h, len(h) > 0 && !p.tagOpen
		case p.rest[0] == '<':
			url, ok := p.between('<', '>')
			if !ok || url == "" || p.tagOpen || len(h) > 0 && !tagged {
				return nil, false
			}
			tag, tagged, p.tagOpen = url, true, true
		case p.rest[0] == '(':
			conditions, ok := p.list()
			if n += len(conditions); !ok || n > maxConditions {
				return nil, false
			}
			h = append(h, ifList{tag: tag, conditions: conditions})
			p.tagOpen = false
		default:
			return nil, false
		}
	}
}

type ifParser struct {
	rest    string
	tagOpen bool // a tag without a list so far
}

func (p *ifParser) space() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *ifParser) between(open, end byte) (string, bool) {
	if p.rest == "" || p.rest[0] != open {
		return "", false
	}
	i := strings.IndexByte(p.rest, end)
	if i < 0 {
		return "", false
	}
	s := p.rest[1:i]
	p.rest = p.rest[i+1:]
	return s, true
}

func (p *ifParser) list() ([]webdav.Condition, bool) {
	p.rest = p.rest[1:]
	var conditions []webdav.Condition
	for {
		p.space()
		if p.rest != "" && p.rest[0] == ')' {
			p.rest = p.rest[1:]
			return conditions, len(conditions) > 0
		}
		c, ok := p.condition()
		if !ok || len(conditions) >= maxConditions {
			return nil, false
		}
		conditions = append(conditions, c)
	}
}

func (p *ifParser) condition() (c webdav.Condition, ok bool) {
	if len(p.rest) >= 3 && strings.EqualFold(p.rest[:3], "Not") {
		c.Not = true
		p.rest = p.rest[3:]
		p.space()
	}
	switch {
	case p.rest == "":
		return c, false
	case p.rest[0] == '<':
		c.Token, ok = p.between('<', '>')
		return c, ok && c.Token != ""
	case p.rest[0] == '[':
		c.ETag, ok = p.entityTag()
		return c, ok
	}
	return c, false
}

// entityTag parses [W/"…"]; a ']' within the quotes is part of the tag.
func (p *ifParser) entityTag() (string, bool) {
	p.rest = p.rest[1:]
	p.space()
	etag, rest, ok := cutETag(p.rest)
	if !ok {
		return "", false
	}
	p.rest = rest
	p.space()
	if p.rest == "" || p.rest[0] != ']' {
		return "", false
	}
	p.rest = p.rest[1:]
	return etag, true
}

// cutETag cuts an entity tag (RFC 9110, 8.8.3) off the front.
func cutETag(s string) (etag, rest string, ok bool) {
	start := 0
	if strings.HasPrefix(s, "W/") {
		start = 2
	}
	if len(s) <= start || s[start] != '"' {
		return "", "", false
	}
	end := strings.IndexByte(s[start+1:], '"')
	if end < 0 {
		return "", "", false
	}
	end += start + 2
	return s[:end], s[end:], true
}
