package dav

import "net/http"

// options answers for every path alike, existing or not, and for "*": LibreOffice asks for files it is about to make,
// and who is not logged in must not learn what exists.
func (q *request) options() error {
	h := q.w.Header()
	h.Set("Allow", allow)
	h["DAV"] = []string{"1, 2, 3"} // not "Dav", as Set has it: some clients compare letter by letter
	h.Set("MS-Author-Via", "DAV")  // else Office opens read-only
	h.Set("Accept-Ranges", "bytes")
	q.status(http.StatusOK)
	return nil
}
