package dav

import (
	"cmp"
	"path"
	"strconv"

	"postern/dav/lock"
	"postern/vfs/layout"
)

// Sharing is what an account shares at one moment, for the properties of files.
type Sharing struct {
	User    string                 // the account's name
	Friends map[string]string      // the names by which friends call themselves, by their folders below /shared
	Shared  map[string][]ShareType // how files and folders are shared, by path; paths as lock.Key returns them
}

// ShareType says with whom something is shared. The numbers are ownCloud's.
type ShareType int

// The types of shares.
const (
	ShareUser  ShareType = 0
	ShareGroup ShareType = 1
	ShareLink  ShareType = 3
)

// Share adds how a file or folder is shared.
func (s *Sharing) Share(path string, t ShareType) {
	if s.Shared == nil {
		s.Shared = map[string][]ShareType{}
	}
	key := lock.Key(path)
	for _, is := range s.Shared[key] {
		if is == t {
			return
		}
	}
	s.Shared[key] = append(s.Shared[key], t)
}

// sharing returns what the account shares; false if nobody can say. A request asks once.
func (q *request) sharing() (*Sharing, bool) {
	if q.shares == nil && q.h.o.Sharing != nil {
		s := q.h.o.Sharing()
		q.shares = &s
	}
	return q.shares, q.shares != nil
}

// access is what the user may do with a file or folder.
type access struct {
	theirs bool // somebody else shares it
	share  bool // it can be shared
	write  bool // contents and attributes can be changed; of a folder: members can be made
	move   bool // it can be moved, renamed and deleted
}

// access makes no request, so a listing of many files may ask for it.
func (e entry) access() access {
	_, _, theirs := layout.CutShared(e.path)
	within, own := layout.CutFiles(e.path)
	fixed := path.Dir(e.path) == "/" || path.Dir(e.path) == layout.Shared || layout.IsOffer(e.path)
	return access{
		theirs: theirs, share: own && within != "" && e.q.h.o.Sharing != nil,
		write: !e.info.ReadOnly, move: !e.info.ReadOnly && !fixed,
	}
}

// permissions are ownCloud's letters, in its order: shared by somebody else, may be shared, readable, deletable,
// renamable and movable, writable, may make files and folders. Its M stands for external storage, which the drive has
// none of.
func permissions(b []byte, e entry) ([]byte, bool) {
	may := e.access()
	for _, l := range []struct {
		is      bool
		letters string
	}{{may.theirs, "S"}, {may.share, "R"}, {true, "G"}, {may.move, "DNV"}, {may.write && !e.info.Folder, "W"},
		{may.write && e.info.Folder, "CK"}} {
		if l.is {
			b = append(b, l.letters...)
		}
	}
	return b, true
}

// privileges are those of RFC 3744, 3. To delete and rename something is a privilege on its folder.
func privileges(b []byte, e entry) ([]byte, bool) {
	all := []string{"read", "read-current-user-privilege-set"}
	if e.access().write {
		all = append(all, "write", "write-properties", "write-content", "unlock")
		if e.info.Folder {
			all = append(all, "bind", "unbind")
		}
	}
	for _, name := range all {
		b = append(append(append(b, "<D:privilege><D:"...), name...), "/></D:privilege>"...)
	}
	return b, true
}

// ownerID is the owner's name: the user's, or that of the friend's folder. What links lead to has no known owner.
func ownerID(b []byte, e entry) ([]byte, bool) {
	s, known := e.q.sharing()
	friend, _, theirs := layout.CutShared(e.path)
	switch {
	case !known || friend == layout.Links:
		return b, false
	case theirs:
		return appendText(b, friend), true
	}
	return appendText(b, s.User), true
}

// ownerName is the name by which the owner is called.
func ownerName(b []byte, e entry) ([]byte, bool) {
	s, known := e.q.sharing()
	friend, _, theirs := layout.CutShared(e.path)
	if known && theirs && friend != layout.Links {
		return appendText(b, cmp.Or(s.Friends[friend], friend)), true
	}
	return ownerID(b, e)
}

// shareTypes says with whom the user shares the file or folder itself; empty: with nobody.
func shareTypes(b []byte, e entry) ([]byte, bool) {
	s, known := e.q.sharing()
	if !known {
		return b, false
	}
	for _, t := range s.Shared[lock.Key(e.path)] {
		b = append(b, "<oc:share-type>"...)
		b = strconv.AppendInt(b, int64(t), 10)
		b = append(b, "</oc:share-type>"...)
	}
	return b, true
}
