package auth

import "strings"

// digestAgents begin the User-Agent of clients that are offered Digest beside Basic. CLIENTS.md has the reasons.
var digestAgents = []string{
	"Microsoft",               // Explorer's WebClient service and Office refuse Basic without TLS
	"DavClnt",                 // the same service, when it looks for shares
	"WebDAVFS/", "WebDAVLib/", // Finder
	"curl/", "python-requests/", "node", "undici", // take the scheme that their user names
}

// officeMarks stand somewhere in the User-Agent of Office's older ways to the network.
var officeMarks = []string{"ms-office", "MSOffice", "MS FrontPage"}

// offersDigest reports whether a client is offered Digest, besides one that has answered with it. All others are
// offered Basic alone: several programs take any mention of Digest for a demand that they can't meet.
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
