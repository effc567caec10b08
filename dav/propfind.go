package dav

import (
	"encoding/xml"
	"net/http"
	"slices"
	"sync"

	"postern/vfs"
)

// The bounds of the names in one request: a listing repeats them for each member, even those of missing properties.
const (
	maxWanted     = 500      // properties; the longest known list has 30
	maxWantedSize = 16 << 10 // bytes of all names, each with its namespace
)

// naming counts the properties named by one request.
type naming struct{ count, size int }

// add returns an error if there are too many.
func (n *naming) add(name xml.Name) error {
	n.count++
	n.size += len(name.Space) + len(name.Local)
	if n.count > maxWanted || n.size > maxWantedSize {
		return fail(http.StatusBadRequest,
			"One request can name at most %d properties, of at most %d bytes in all. Send several.",
			maxWanted, maxWantedSize)
	}
	return nil
}

// propfind lists the properties of a resource and, at depth 1, of its members.
func (q *request) propfind() error {
	d, noRoot, ok := parseDepth(q.r.Header.Get("Depth"))
	switch {
	case !ok:
		return fail(http.StatusBadRequest, "The Depth header must be 0, 1 or infinity.")
	case d == depthInfinity:
		return &failure{status: http.StatusForbidden, condition: "propfind-finite-depth",
			message: "A whole tree can't be listed in one request: ask folder by folder."}
	}
	// A missing Depth means infinity in the RFC. No client that leaves it out wants a tree, so it gets a listing.
	raw, err := q.readRaw()
	if err != nil {
		return err
	}
	find, err := q.h.finds.parse(raw)
	if err != nil {
		return err
	}
	if find.wants(checksumsName) {
		q.r = q.r.WithContext(vfs.NeedMD5(q.ctx()))
	}
	info, err := q.stat()
	if err != nil {
		return err
	}
	if err := q.preconditions(q.ctx(), q.fs, state{Info: info, exists: true}); err != nil {
		return err
	}
	if find.minimal = minimal(q.r); find.minimal && q.r.Header.Get("Prefer") != "" {
		q.w.Header().Set("Preference-Applied", "return=minimal") // RFC 8144, 2
	}
	find.lean = q.who.lean
	return q.list(find, info, d != depth0 && info.Folder, noRoot && info.Folder)
}

// list writes the answer.
func (q *request) list(find propfind, info vfs.Info, members, noRoot bool) error {
	m := q.multistatus()
	if !noRoot {
		if err := m.entry(find, entry{q, &info, q.path}); err != nil {
			return m.broken(err)
		}
	}
	if members {
		err := q.eachMember(func(info *vfs.Info) error {
			return m.entry(find, entry{q, info, join(q.path, info.Name)})
		})
		if err != nil {
			return m.broken(err)
		}
	}
	return m.finish()
}

// eachMember lists the request's folder.
func (q *request) eachMember(do func(*vfs.Info) error) error { return q.membersOf(q.path, do) }

// membersOf lists a folder. Before the first member it retries while storage is unreachable; later that is an error.
func (q *request) membersOf(folder string, do func(*vfs.Info) error) error {
	var broken error
	seen := false
	err := q.patiently(func() error {
		for info, err := range q.fs.List(q.ctx(), folder) {
			if err != nil && !seen {
				return err
			}
			seen = true
			if err == nil {
				err = do(&info)
			}
			if err != nil {
				broken = err
				return nil
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return broken
}

// propfind is the parsed body of a PROPFIND.
type propfind struct {
	all, names bool
	wanted     []wanted // of prop, or of allprop's include
	minimal    bool
	lean       bool
}

// wants reports whether a property is asked for by name.
func (p propfind) wants(name xml.Name) bool {
	return slices.ContainsFunc(p.wanted, func(w wanted) bool { return w.name == name })
}

// wanted is a requested property, with its tags built once for a whole listing.
type wanted struct {
	name       xml.Name
	live       *live
	start, end string // of an element with content
	empty      string
}

func want(name xml.Name) wanted {
	tag, decl := "", ""
	switch name.Space {
	case davSpace:
		tag = "D:" + name.Local
	case ocSpace:
		tag = "oc:" + name.Local
	case msSpace:
		tag = "Z:" + name.Local
	case "":
		tag = name.Local
	default:
		tag = "x:" + name.Local
		decl = ` xmlns:x="` + string(appendAttr(nil, name.Space)) + `"`
	}
	return wanted{name: name, live: liveByName[name], start: "<" + tag + decl, end: "</" + tag + ">",
		empty: "<" + tag + decl + "/>"}
}

// findCache caches parsed PROPFIND bodies: a client repeats the same few, and parsing them is a third of the work of an
// answer for one file.
type findCache struct {
	mu    sync.Mutex
	known map[string]propfind
}

// The bounds of a findCache: far more than one drive's clients need.
const (
	maxFinds    = 64
	maxFindBody = 4 << 10 // bytes
)

// parse parses a body. The result is shared: only its own fields may be changed.
func (c *findCache) parse(raw []byte) (propfind, error) {
	c.mu.Lock()
	f, ok := c.known[string(raw)]
	c.mu.Unlock()
	if ok {
		return f, nil
	}
	root, err := parseXML(raw)
	if err != nil {
		return propfind{}, err
	}
	if f, err = parsePropfind(root); err != nil || len(raw) > maxFindBody {
		return f, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.known) >= maxFinds || c.known == nil {
		c.known = make(map[string]propfind, maxFinds)
	}
	c.known[string(raw)] = f
	return f, nil
}

// parsePropfind parses the body (RFC 4918, 14.20); none means allprop.
func parsePropfind(root *element) (propfind, error) {
	if root == nil {
		return propfind{all: true}, nil
	}
	malformed := fail(http.StatusBadRequest, "The body of the PROPFIND is not one of allprop, propname and prop.")
	if !root.is("propfind") {
		return propfind{}, malformed
	}
	var f propfind
	var prop, include *element
	kinds := 0
	for kid := range root.elements {
		switch {
		case kid.is("allprop"):
			f.all = true
			kinds++
		case kid.is("propname"):
			f.names = true
			kinds++
		case kid.is("prop"):
			prop = kid
			kinds++
		case kid.is("include"):
			include = kid
		}
	}
	if kinds != 1 || include != nil && !f.all {
		return propfind{}, malformed
	}
	var named naming
	for _, list := range []*element{prop, include} {
		if list == nil {
			continue
		}
		for kid := range list.elements {
			if err := named.add(kid.name); err != nil {
				return propfind{}, err
			}
			if !slices.ContainsFunc(f.wanted, func(w wanted) bool { return w.name == kid.name }) {
				f.wanted = append(f.wanted, want(kid.name))
			}
		}
	}
	return f, nil
}
