package page

import (
	"html/template"
	"net/http"
	"net/url"
	pathpkg "path"
	"strings"

	"postern/vfs"
	"postern/vfs/layout"
)

// rowsPerPage bounds how much of a folder one page shows, and with it the memory that a listing takes: 500 rows are
// more than people read, and few enough for a phone.
const rowsPerPage = 500

// maxLinks bounds the links of one page, in bytes: each row has several, as long as the path of the folder.
const maxLinks = 4 << 20

// rows returns how many rows the page of a folder has.
func rows(path string) int { return max(10, min(rowsPerPage, maxLinks/(8*(len(path)+1)))) }

// maxQuery bounds a search text, in bytes.
const maxQuery = 200

// listing is a folder's page.
type listing struct {
	common
	Self    row    // the folder itself
	Note    string // below the title
	Empty   string // the text for an empty folder
	Begin   bool   // it says how to begin sharing
	Query   string // the search text
	Columns []column
	Sort    string // kept when searching
	Order   string
	Rows    []row
	Folders int // of all matches, not only those on this page
	Files   int
	Size    string
	From    int          // the number of the first row shown, from 1
	To      int          // of the last
	First   template.URL // the first part, unless this is it
	Next    template.URL // the next part; empty at the end
}

// Total returns how many members match.
func (l listing) Total() int { return l.Folders + l.Files }

// column is the head of a column with its link for sorting.
type column struct {
	Name  string
	Class string
	Href  template.URL
	Sort  string // "ascending", "descending" or empty, as in aria-sort
}

// row is a member of a folder.
type row struct {
	ID       int
	Name     string // as shown
	Raw      string // as it is
	Href     template.URL
	View     template.URL // where the name leads
	Versions template.URL
	Folder   bool
	ReadOnly bool
	Kind     string // which icon
	Note     string
	Size     string
	Changed  moment
	ETag     string
	Zip      template.URL // of a folder: its contents as one archive; empty if that would be too much
	Share    template.URL // page about whom it is shared with; empty where nothing can be shared
	Restore  string       // in the history: its former path
}

// Own reports whether it can be renamed and deleted.
func (r row) Own() bool { return !r.ReadOnly && r.Restore == "" }

// Folder shows a folder. each lists the folder by calling a function with every member; if it fails before anything was
// sent, Folder returns its error.
func (p *Pages) Folder(
	w http.ResponseWriter, r *http.Request, path string, info vfs.Info, each func(func(*vfs.Info) error) error,
) error {
	c, err := p.common(path, info)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	standard := order{by: "name", desc: path == layout.History} // states come newest first
	o := orderOf(q.Get("sort"), q.Get("order"), standard)
	l := listing{common: c, Query: shorten(q.Get("q"), maxQuery)}
	if !c.Root {
		l.Self = p.row(0, pathpkg.Dir(path), info)
	}
	l.Changes = l.Self.Restore != "" || !info.ReadOnly && !c.Root
	if o != standard {
		l.Sort, l.Order = o.by, direction(o.desc)
	}
	top := tops[path]
	if path != layout.Files {
		l.Note = top.About
	}
	l.Empty = top.Empty
	l.Begin = c.Social && path == layout.Shared
	keep := first{order: o, n: rows(path)}
	keep.behind, _ = parseCursor(q.Get("after"))
	bytes := int64(0)
	wanted := fold(l.Query)
	err = each(func(m *vfs.Info) error {
		if t, ok := layout.StateTime(m.Name); ok && path == layout.History {
			m.Modified = t // the time of the state, not of its root folder's last change
		}
		if wanted != "" && !strings.Contains(fold(vfs.ReadablePath(m.Name)), wanted) {
			return nil
		}
		if m.Folder {
			l.Folders++
		} else {
			l.Files++
		}
		bytes += m.Size
		keep.offer(o.item(*m))
		return nil
	})
	if err != nil {
		return err
	}
	if path != layout.History && !c.Root { // states share most of their contents
		l.Size = size(bytes)
	}
	items := keep.sorted()
	for i, it := range items {
		l.Begin = l.Begin && it.info.Name == layout.Links
		l.Rows = append(l.Rows, p.row(keep.before+i+1, path, it.info))
	}
	l.From, l.To = keep.before+1, keep.before+len(items)
	l.Columns = columns(o, l.Query)
	if keep.before > 0 {
		l.First = address(l.Query, l.Sort, l.Order, "")
	}
	if keep.more {
		l.Next = address(l.Query, l.Sort, l.Order, items[len(items)-1].cursor())
	}
	return p.write(w, r, "folder", c, l)
}

// tops are the drive's own folders, by path.
var tops = func() map[string]layout.Folder {
	all := map[string]layout.Folder{}
	for _, f := range layout.Folders() {
		all[f.Path] = f
	}
	return all
}()

// row returns a member of a folder.
func (p *Pages) row(id int, folder string, m vfs.Info) row {
	r := newRow(id, folder, m)
	if p.o.People == nil {
		r.Share = ""
	} else if _, within, ok := layout.CutShared(join(folder, m.Name)); ok && within != "" {
		r.Versions = r.Href + "?" + queryVersions // which names those who changed it
	}
	return r
}

func newRow(id int, folder string, m vfs.Info) row {
	path := join(folder, m.Name)
	at := at(m.Modified)
	r := row{
		ID: id, Name: visible(m.Name), Raw: m.Name, Href: href(path, m.Folder), Folder: m.Folder, ReadOnly: m.ReadOnly,
		Kind: iconOf(m), Size: size(m.Size), Changed: at,
	}
	r.View = r.Href
	if !m.Folder {
		r.View += "?" + queryView
		r.ETag = m.ETag()
	}
	if m.Folder && path != layout.History {
		r.Zip = r.Href + "?" + queryZip
	}
	if path == layout.History {
		r.Size = "" // states share most of their contents
	}
	if folder == "/" {
		r.Note = tops[path].About
		r.ReadOnly = true // the drive's own folders can't be changed
	}
	if within, ok := layout.CutFiles(path); ok && within != "" {
		r.Versions = r.Href + "?" + queryVersions
		r.Share = r.Href + "?" + queryShare
	}
	if folder == layout.Shared || layout.IsOffer(path) {
		r.ReadOnly = true // their names and places are others' to choose
	}
	if _, within, ok := layout.CutState(path); ok && within != "" {
		r.Restore = layout.Files + within
	}
	return r
}

// columns returns the heads: each sorts by its column, or reverses that order.
func columns(o order, query string) []column {
	all := []column{{Name: "Name", Class: "name"}, {Name: "Size", Class: "size"}, {Name: "Changed", Class: "time"}}
	for i := range all {
		c := &all[i]
		by := c.Class
		desc := by != "name"
		if o.by == by {
			desc = !o.desc
			c.Sort = map[bool]string{true: "descending", false: "ascending"}[o.desc]
		}
		c.Href = address(query, by, direction(desc), "")
	}
	return all
}

func direction(desc bool) string {
	if desc {
		return "desc"
	}
	return "asc"
}

// address returns the address of a listing, relative to itself.
func address(query, sort, order, after string) template.URL {
	v := url.Values{}
	for name, value := range map[string]string{"q": query, "sort": sort, "order": order, "after": after} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return template.URL("?" + v.Encode())
}

func shorten(s string, n int) string {
	if len(s) > n {
		s = s[:n]
	}
	return strings.ToValidUTF8(strings.TrimSpace(s), "")
}
