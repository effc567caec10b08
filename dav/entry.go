package dav

import (
	"encoding/xml"
	"net/http"

	"postern/vfs"
)

// entry writes one resource.
func (m *multistatus) entry(find propfind, e entry) error {
	b := append(m.buf, "<D:response><D:href>"...)
	b = appendHref(b, e.path, e.info.Folder, e.q.who)
	b = append(b, "</D:href>"...)
	start := len(b)
	b = append(b, "<D:propstat><D:prop>"...)
	switch {
	case find.names:
		b = appendNames(b, e)
	case find.all:
		b = appendAll(b, e, find.lean)
	}
	var missing []string
	if !find.names {
		b, missing = appendWanted(b, e, find)
	}
	// An empty propstat is only written if it is the only one.
	if len(missing) > 0 && len(b) == start+len("<D:propstat><D:prop>") && !find.minimal {
		b = b[:start]
	} else {
		b = append(b, "</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>"...)
	}
	if len(missing) > 0 && !find.minimal {
		b = append(b, "<D:propstat><D:prop>"...)
		for _, tag := range missing {
			b = append(b, tag...)
		}
		b = append(b, "</D:prop>"...)
		b = appendStatus(b, http.StatusNotFound)
		b = append(b, "</D:propstat>"...)
	}
	m.buf = append(b, "</D:response>"...)
	return m.flush()
}

// appendWanted appends the requested properties and returns the tags of the missing ones.
func appendWanted(b []byte, e entry, find propfind) ([]byte, []string) {
	var missing []string
	for i := range find.wanted {
		w := &find.wanted[i]
		mark := len(b)
		done, ok := appendProperty(b, e, w)
		switch b = done; {
		case !ok:
			missing = append(missing, w.empty)
		case find.all && (w.live == nil || w.live.all && (w.live.lean || !find.lean)):
			b = b[:mark] // allprop has already written it
		}
	}
	return b, missing
}

// appendProperty appends one property, or returns false.
func appendProperty(b []byte, e entry, w *wanted) ([]byte, bool) {
	mark := len(b)
	if w.live == nil {
		for i := range e.info.Properties {
			if p := &e.info.Properties[i]; p.Name.Space == w.name.Space && p.Name.Local == w.name.Local {
				return appendDead(b, e, p, w), true
			}
		}
		return b, false
	}
	b = append(append(b, w.start...), '>')
	content := len(b)
	b, ok := w.live.write(b, e)
	switch {
	case !ok:
		return b[:mark], false
	case len(b) == content:
		return append(b[:mark], w.empty...), true
	}
	return append(b, w.end...), true
}

// appendDead appends a property that a client has stored.
func appendDead(b []byte, e entry, p *vfs.Property, w *wanted) []byte {
	value := p.Value
	if p.Name.Space == msSpace {
		value = win32(p, e.info)
	}
	b = append(b, w.start...)
	if p.Lang != "" {
		b = append(appendAttr(append(b, ` xml:lang="`...), p.Lang), '"')
	}
	if value == "" {
		return append(b, "/>"...)
	}
	b = append(append(b, '>'), value...)
	return append(b, w.end...)
}

var wantedLive = func() []wanted {
	all := make([]wanted, len(liveProperties))
	for i := range liveProperties {
		all[i] = want(liveProperties[i].name)
	}
	return all
}()

func appendAll(b []byte, e entry, lean bool) []byte {
	for i := range wantedLive {
		w := &wantedLive[i]
		if !w.live.all || lean && !w.live.lean || lean && !e.info.Folder && w.name.Local == "resourcetype" {
			continue
		}
		b, _ = appendProperty(b, e, w)
	}
	for i := range e.info.Properties {
		p := &e.info.Properties[i]
		if liveByName[xml.Name(p.Name)] != nil {
			continue // a client's displayname; Explorer must not get it unless requested
		}
		w := want(xml.Name(p.Name))
		b = appendDead(b, e, p, &w)
	}
	return b
}

func appendNames(b []byte, e entry) []byte {
	for i := range wantedLive {
		mark := len(b)
		done, ok := appendProperty(b, e, &wantedLive[i])
		b = done[:mark]
		if ok {
			b = append(b, wantedLive[i].empty...)
		}
	}
	for _, p := range e.info.Properties {
		if liveByName[xml.Name(p.Name)] == nil {
			b = append(b, want(xml.Name(p.Name)).empty...)
		}
	}
	return b
}
