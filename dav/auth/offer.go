package auth

import "strings"

// digestAgents are User-Agent prefixes of clients that are offered Digest as well as Basic. CLIENTS.md has the reasons.
var digestAgents = []string{
	"Microsoft",               // Explorer's WebClient service and Office refuse Basic without TLS
	"DavClnt",                 // the same service, when it looks for shares
	"WebDAVFS/", "WebDAVLib/", // Finder
	"curl/", "python-requests/", "node", "undici", // take the scheme that their user names
}

// officeMarks occur in the User-Agent of Office's older HTTP stacks.
var officeMarks = []string{"ms-office", "MSOffice", "MS FrontPage"}

// offersDigest reports whether a client is offered Digest; a client that has sent Digest credentials always is. All
// others are offered Basic alone: several programs treat any mention of Digest as a requirement that they cannot meet.
func offersDigest(agent string) bool {
	for _, prefix := range digestAgents {
		if strings.HasPrefix(agent, prefix) {
			return true
		}
	}
	for _, mark := range officeMarks {
		if strings.Contains(agent, mark) {
			return true
		}
	}
	return false
}
