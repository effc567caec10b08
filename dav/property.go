package dav

import (
	"encoding/hex"
	"encoding/xml"
	"net/http"
	"strconv"
	"time"

	"postern/vfs"
)

const (
	ocSpace = "http://owncloud.org/ns"
	msSpace = "urn:schemas-microsoft-com:"
)

// entry is a resource in an answer to PROPFIND.
type entry struct {
	q    *request
	info *vfs.Info
	path string
}

// live is a property that the drive computes (RFC 4918, 15, and the extensions of CLIENTS.md).
type live struct {
	name xml.Name
	// in reports whether allprop includes it. Properties that are long, expensive or confusing for a client are only sent
	// on request (RFC 4918, 9.1, allows that).
	all bool
	// lean reports whether it is in the allprop of clients that are known to use nothing else.
	lean bool
	// write appends the value as XML; false if the resource has no such property.
	write func(b []byte, e entry) ([]byte, bool)
}

var liveProperties = []live{
	{dav("resourcetype"), true, true, resourceType},
	{dav("getcontentlength"), true, true, contentLength},
	{dav("getlastmodified"), true, true, lastModified},
	{dav("creationdate"), true, false, creationDate},
	{dav("getetag"), true, false, getETag},
	{dav("getcontenttype"), true, false, contentType},
	{dav("displayname"), false, false, displayName},
	{dav("supportedlock"), false, false, supportedLock},
	{dav("lockdiscovery"), false, false, lockDiscovery},
	{dav("quota-available-bytes"), false, false, quotaAvailable},
	{dav("quota-used-bytes"), false, false, quotaUsed},
	{dav("lastmodified"), false, false, unixModified},
	{dav("current-user-principal"), false, false, currentUser},
	{checksumsName, false, false, checksums},
	{dav("current-user-privilege-set"), false, false, privileges},
	{oc("permissions"), false, false, permissions},
	{oc("owner-id"), false, false, ownerID},
	{oc("owner-display-name"), false, false, ownerName},
	{oc("share-types"), false, false, shareTypes},
}

var liveByName = func() map[xml.Name]*live {
	m := make(map[xml.Name]*live, len(liveProperties))
	for i := range liveProperties {
		m[liveProperties[i].name] = &liveProperties[i]
	}
	return m
}()

func dav(local string) xml.Name { return xml.Name{Space: davSpace, Local: local} }

func oc(local string) xml.Name { return xml.Name{Space: ocSpace, Local: local} }

func resourceType(b []byte, e entry) ([]byte, bool) {
	if e.info.Folder {
		b = append(b, "<D:collection/>"...)
	}
	return b, true
}

func contentLength(b []byte, e entry) ([]byte, bool) {
	return strconv.AppendInt(b, e.info.Size, 10), !e.info.Folder
}

func lastModified(b []byte, e entry) ([]byte, bool) {
	return e.info.Modified.UTC().AppendFormat(b, http.TimeFormat), true
}

func creationDate(b []byte, e entry) ([]byte, bool) {
	return e.info.Created.UTC().AppendFormat(b, time.RFC3339), !e.info.Created.IsZero()
}

func getETag(b []byte, e entry) ([]byte, bool) {
	if e.info.Folder {
		return b, false
	}
	// Its quotes need no escape in character data.
	b = append(b, '"')
	b = hex.AppendEncode(b, e.info.Version[:])
	return append(b, '"'), true
}

func contentType(b []byte, e entry) ([]byte, bool) {
	return appendText(b, e.info.ContentType), !e.info.Folder && e.info.ContentType != ""
}

// displayName returns the client's value, else the name.
func displayName(b []byte, e entry) ([]byte, bool) {
	for _, p := range e.info.Properties {
		if p.Name.Space == davSpace && p.Name.Local == "displayname" {
			return append(b, p.Value...), true
		}
	}
	if e.info.Name == "" {
		return append(b, '/'), true
	}
	return appendText(b, vfs.ReadablePath(e.info.Name)), true
}

func supportedLock(b []byte, _ entry) ([]byte, bool) {
	return append(b,
		`<D:lockentry><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`+
			`<D:lockentry><D:lockscope><D:shared/></D:lockscope><D:locktype><D:write/></D:locktype></D:lockentry>`...), true
}

func lockDiscovery(b []byte, e entry) ([]byte, bool) {
	now := e.q.h.o.Clock()
	locks, known := e.q.lockedAt(e.path)
	for _, l := range locks {
		b = appendActiveLock(b, l, now, e.q.who)
	}
	return b, known
}

// quotaAvailable and quotaUsed are of folders (RFC 4331, 3 and 4).
func quotaAvailable(b []byte, e entry) ([]byte, bool) {
	u, ok := e.usage()
	return strconv.AppendInt(b, u.Available, 10), ok && u.Available >= 0
}

func quotaUsed(b []byte, e entry) ([]byte, bool) {
	u, ok := e.usage()
	return strconv.AppendInt(b, u.Used, 10), ok && u.Used >= 0
}

// quota is the usage of the space of a folder.
type quota struct {
	path  string // of the folder
	usage vfs.Usage
}

// usage calls the drive once for each folder: members of one folder can be in different spaces.
func (e entry) usage() (vfs.Usage, bool) {
	q := e.q
	if q.who.noQuota || !e.info.Folder {
		return vfs.Usage{}, false
	}
	if q.quota == nil || q.quota.path != e.path {
		u, err := q.fs.Usage(q.ctx(), e.path, 0)
		if err != nil {
			u = vfs.Usage{Used: -1, Available: -1}
		}
		q.quota = &quota{e.path, u}
	}
	return q.quota.usage, true
}

// unixModified is {DAV:}lastmodified, which rclone sets and reads.
func unixModified(b []byte, e entry) ([]byte, bool) {
	return strconv.AppendInt(b, e.info.Modified.Unix(), 10), true
}

// currentUser (RFC 5397) names the root: there is only one user.
func currentUser(b []byte, _ entry) ([]byte, bool) {
	return append(b, "<D:href>/</D:href>"...), true
}

// checksumsName is the property that has a file's hashes.
var checksumsName = oc("checksums")

// checksums has both hashes in one element: rclone compares nothing if its preferred one is missing.
func checksums(b []byte, e entry) ([]byte, bool) {
	if e.info.Folder {
		return b, false
	}
	b = append(b, "<oc:checksum>SHA1:"...)
	b = hex.AppendEncode(b, e.info.SHA1[:])
	if !e.info.LacksMD5() {
		b = append(b, " MD5:"...)
		b = hex.AppendEncode(b, e.info.MD5[:])
	}
	return append(b, "</oc:checksum>"...), true
}
