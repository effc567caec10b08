package dav

import (
	"context"
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"time"

	"golang.org/x/net/webdav"

	"postern/dav/lock"
	"postern/vfs"
)

// proppatch sets and removes properties, all or none (RFC 4918, 9.2).
func (q *request) proppatch() error {
	root, err := q.readXML()
	if err != nil {
		return err
	}
	if setsChecksums(root) {
		q.r = q.r.WithContext(vfs.NeedMD5(q.ctx()))
	}
	info, err := q.stat()
	if err != nil {
		return err
	}
	p, err := parseProppatch(root, info)
	if err != nil {
		return err
	}
	cond := func(ctx context.Context, at vfs.Stater) error {
		now, err := stateAt(ctx, at, q.path)
		if err != nil {
			return err
		}
		if err := q.allowed(ctx, at, now, lock.Touch{Path: q.path}); err != nil {
			return err
		}
		return p.fits(now.Properties)
	}
	if p.refused() {
		// Nothing will be changed, but a client without permission must learn that first.
		if err := cond(q.ctx(), q.fs); err != nil {
			return err
		}
		return q.patched(p, info.Folder)
	}
	release, err := q.h.locks.Hold(q.ctx(), lock.Touch{Path: q.path})
	if err != nil {
		return err
	}
	err = q.patiently(func() error { return q.fs.Patch(q.ctx(), q.path, p.patch, cond) })
	release()
	if err != nil {
		return err
	}
	return q.patched(p, info.Folder)
}

// setsChecksums reports whether a PROPPATCH names the checksums, which are compared with the file's.
func setsChecksums(root *element) bool {
	if root == nil {
		return false
	}
	for instruction := range root.elements {
		prop := instruction.child("prop")
		if prop == nil {
			continue
		}
		for e := range prop.elements {
			if e.name == checksumsName {
				return true
			}
		}
	}
	return false
}

// proppatch is a parsed PROPPATCH.
type proppatch struct {
	patch vfs.Patch
	names []xml.Name
	codes map[xml.Name]int // of failed instructions
	named naming
	room  int // bytes left for values
}

// maxValues bounds the values of one PROPPATCH, in bytes: no file or folder can have more.
const maxValues = 64 << 10

// maxProperties bounds the dead properties of one file or folder: listings repeat them, however short they are.
const maxProperties = 1000

// fits returns an error if the patch leaves too many properties. If there are too many already, from an older build,
// their number must not grow.
func (p *proppatch) fits(before []vfs.Property) error {
	names := make(map[vfs.PropertyName]bool, len(before)+len(p.patch.Set))
	for _, old := range before {
		names[old.Name] = true
	}
	for _, name := range p.patch.Remove {
		delete(names, name)
	}
	for _, set := range p.patch.Set {
		names[set.Name] = true
	}
	if len(names) > max(maxProperties, len(before)) {
		return fail(http.StatusRequestEntityTooLarge, "A file or folder can have at most %d properties. Remove some first.",
			maxProperties)
	}
	return nil
}

func (p *proppatch) refused() bool { return len(p.codes) > 0 }

// parseProppatch parses the instructions in their order; a later one for the same property replaces an earlier one.
func parseProppatch(root *element, info vfs.Info) (*proppatch, error) {
	malformed := fail(http.StatusBadRequest, "The body of the PROPPATCH is not a propertyupdate.")
	if root == nil || !root.is("propertyupdate") {
		return nil, malformed
	}
	p := &proppatch{codes: map[xml.Name]int{}, room: maxValues}
	for instruction := range root.elements {
		set := instruction.is("set")
		if !set && !instruction.is("remove") {
			continue
		}
		prop := instruction.child("prop")
		if prop == nil {
			return nil, malformed
		}
		for e := range prop.elements {
			if err := p.named.add(e.name); err != nil {
				return nil, err
			}
			p.forget(e.name)
			p.names = append(p.names, e.name)
			code, err := p.take(e, set, info)
			if err != nil {
				return nil, err
			}
			if code != http.StatusOK {
				p.codes[e.name] = code
			}
		}
	}
	if len(p.names) == 0 {
		return nil, malformed
	}
	return p, nil
}

// forget removes an earlier instruction for the same property.
func (p *proppatch) forget(name xml.Name) {
	delete(p.codes, name)
	keep := p.names[:0]
	for _, n := range p.names {
		if n != name {
			keep = append(keep, n)
		}
	}
	p.names = keep
	p.patch.Set = without(p.patch.Set, func(s vfs.Property) bool { return xml.Name(s.Name) == name })
	p.patch.Remove = without(p.patch.Remove, func(s vfs.PropertyName) bool { return xml.Name(s) == name })
}

func without[T any](list []T, drop func(T) bool) []T {
	keep := list[:0]
	for _, v := range list {
		if !drop(v) {
			keep = append(keep, v)
		}
	}
	return keep
}

// take adds one instruction to the patch and returns its status. Values that are too large are an error.
func (p *proppatch) take(e *element, set bool, info vfs.Info) (int, error) {
	switch e.name {
	case dav("getlastmodified"), dav("lastmodified"):
		return p.time(e, set, &p.patch.Modified), nil
	case dav("creationdate"):
		return p.time(e, set, &p.patch.Created), nil
	case xml.Name{Space: msSpace, Local: win32Modified}:
		if set {
			if code := p.time(e, set, &p.patch.Modified); code != http.StatusOK {
				return code, nil
			}
		}
	case xml.Name{Space: msSpace, Local: win32Created}:
		if set {
			if code := p.time(e, set, &p.patch.Created); code != http.StatusOK {
				return code, nil
			}
		}
	case checksumsName:
		return checksumsFit(e, set, info), nil
	case dav("displayname"):
	default:
		if liveByName[e.name] != nil {
			return http.StatusForbidden, nil
		}
	}
	name := vfs.PropertyName(e.name)
	if !set {
		p.patch.Remove = append(p.patch.Remove, name)
		return http.StatusOK, nil
	}
	value, ok := e.inner(p.room)
	if !ok {
		return 0, fail(http.StatusRequestEntityTooLarge, "The properties set in one request can have at most %d bytes.",
			maxValues)
	}
	p.room -= len(value)
	p.patch.Set = append(p.patch.Set, vfs.Property{Name: name, Lang: e.lang, Value: value})
	return http.StatusOK, nil
}

// time sets a time; 409 is RFC 4918's code for a meaningless value (9.2.1).
func (p *proppatch) time(e *element, set bool, to *time.Time) int {
	if !set {
		return http.StatusForbidden
	}
	t, ok := parseTime(e.text())
	if !ok {
		return http.StatusConflict
	}
	*to = t
	return http.StatusOK
}

// checksumsFit accepts right checksums: rclone sends known ones along with a time.
func checksumsFit(e *element, set bool, info vfs.Info) int {
	if !set || info.Folder {
		return http.StatusForbidden
	}
	sums := vfs.Sums{Size: info.Size, MD5: info.MD5, SHA1: info.SHA1}
	for _, c := range parseChecksums(e.text()) {
		if !c.fits(sums) {
			return http.StatusConflict
		}
	}
	return http.StatusOK
}

// The two times that Windows keeps in properties of its own.
const (
	win32Modified = "Win32LastModifiedTime"
	win32Created  = "Win32CreationTime"
)

// win32 returns the value of a stored property of Windows. If another program changed the file since, the stored times
// no longer apply.
func win32(p *vfs.Property, info *vfs.Info) string {
	var now time.Time
	switch p.Name.Local {
	case win32Modified:
		now = info.Modified
	case win32Created:
		now = info.Created
	default:
		return p.Value
	}
	stored, ok := parseTime(p.Value)
	if !ok || stored.Equal(now.Truncate(time.Second)) {
		return p.Value
	}
	return now.UTC().Format(http.TimeFormat)
}

// patched answers with the status of each property.
func (q *request) patched(p *proppatch, folder bool) error {
	groups := map[int]*webdav.Propstat{}
	var order []*webdav.Propstat
	for _, name := range p.names {
		code := http.StatusOK
		if p.refused() {
			code = webdav.StatusFailedDependency
		}
		if own, ok := p.codes[name]; ok {
			code = own
		}
		if groups[code] == nil {
			groups[code] = &webdav.Propstat{Status: code}
			if code == http.StatusForbidden {
				groups[code].XMLError = "<D:cannot-modify-protected-property/>"
			}
			order = append(order, groups[code])
		}
		groups[code].Props = append(groups[code].Props, webdav.Property{XMLName: name})
	}
	m := q.multistatus()
	b := append(m.buf, "<D:response><D:href>"...)
	b = appendHref(b, q.path, folder, q.who)
	b = append(b, "</D:href>"...)
	for _, group := range order {
		b = append(b, "<D:propstat><D:prop>"...)
		for _, property := range group.Props {
			b = append(b, want(property.XMLName).empty...)
		}
		b = append(b, "</D:prop>"...)
		b = appendStatus(b, group.Status)
		if group.XMLError != "" {
			b = append(append(append(b, "<D:error>"...), group.XMLError...), "</D:error>"...)
		}
		b = append(b, "</D:propstat>"...)
	}
	m.buf = append(b, "</D:response>"...)
	if err := m.flush(); err != nil {
		return m.broken(err)
	}
	return m.finish()
}

// hexSums returns the sums in the form that clients use.
func hexSums(s vfs.Sums) string {
	return "SHA1:" + hex.EncodeToString(s.SHA1[:]) + " MD5:" + hex.EncodeToString(s.MD5[:])
}
