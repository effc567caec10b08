package dav

import "net/http"

// options gives the same answer for every path, existing or not, and for "*": LibreOffice sends it for files that it is
// about to create, and a client that is not logged in must not learn which files exist.
func (q *request) options() error {
	h := q.w.Header()
	h.Set("Allow", allow)
	h["DAV"] = []string{"1, 2, 3"} // not "Dav", as Set has it: some clients compare letter by letter
	h.Set("MS-Author-Via", "DAV")  // else Office opens read-only
	h.Set("Accept-Ranges", "bytes")
	q.status(http.StatusOK)
	return nil
}
