// Package layout is the drive's layout: the folders at its top, and the names of the states in its history. It is the
// only place that defines them, for WebDAV, the web pages, the gateway and the commands.
package layout

import (
	"strings"
	"time"
)

// The folders at the top of the drive. No others can be made there.
const (
	Files   = "/files"   // the user's own files
	Shared  = "/shared"  // what friends share
	Chats   = "/chats"   // conversations
	History = "/history" // earlier states of the own files
)

// Folder describes a folder at the top of the drive.
type Folder struct {
	Path     string
	About    string // one sentence for users
	Empty    string // shown while the folder is empty; may be empty
	ReadOnly bool   // its direct children can't be created, changed or removed
}

// Folders returns the folders at the top of the drive, sorted by path.
func Folders() []Folder {
	return []Folder{
		{Path: Chats, About: "Your conversations, each a folder.", Empty: emptyChats, ReadOnly: true},
		{Path: Files, About: "Your own files."},
		{Path: History, About: "Your files as they were. Times are UTC; nothing in here can be changed.", ReadOnly: true},
		{Path: Shared, About: "What friends share with you.", Empty: emptyShared, ReadOnly: true},
	}
}

const (
	emptyShared = "This is where the files and folders that friends share with you appear: a folder for each " +
		"friend, with everything that this friend shares. You use them like your own, and change those that " +
		"your friend lets you change. To begin, claim a name, make friends, and share something of " + Files +
		". Nothing can be put in here by hand."
	emptyChats = "This is where your conversations will be: a folder for each, with a page of text for every " +
		"day and the files that were sent. You will write by saving a text, and send a file by " +
		"dropping it in. This version cannot chat yet. Nothing can be put in here by hand; your own " +
		"files belong in " + Files + "."
)

// CutFiles returns a path relative to the user's own files: "" for Files itself, "/a/b" for items in it. ok is false
// for other paths.
func CutFiles(path string) (within string, ok bool) { return cut(path, Files) }

// CutState splits a path in the history into the name of its state and the path within the own files: "" for the whole
// state. ok is false for History itself and for other paths.
func CutState(path string) (state, within string, ok bool) {
	return split(path, History)
}

// CutShared splits a path below Shared into the folder of a friend, or that of links, and the path within it: "" for
// that folder itself. ok is false for Shared itself and for other paths.
func CutShared(path string) (friend, within string, ok bool) {
	return split(path, Shared)
}

// IsOffer reports whether a path is that of a file or folder that a friend shares, or that a link leads to. Its name
// and place are the other's to choose.
func IsOffer(path string) bool {
	_, within, ok := CutShared(path)
	return ok && strings.Count(within, "/") == 1
}

// Links is the name of the folder below Shared that holds what links lead to.
const Links = "links"

func cut(path, folder string) (within string, ok bool) {
	within, ok = strings.CutPrefix(path, folder)
	return within, ok && (within == "" || within[0] == '/')
}

// split splits a path below a folder into the name of an item in it and the path within that.
func split(path, folder string) (name, within string, ok bool) {
	rest, ok := cut(path, folder)
	if !ok {
		return "", "", false
	}
	name, within, deeper := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if deeper {
		within = "/" + within
	}
	return name, within, name != ""
}

// InState returns the path in the history of a path within the own files ("" for all of them).
func InState(state, within string) string { return History + "/" + state + within }

// stateTime is the format of a state's name: the time of its commit in UTC, to the second, so that every device shows
// the same.
const stateTime = "2006-01-02 15.04.05"

// StateName returns the name of the state that a commit of this time adds to the history. Commits within one second
// share one state.
func StateName(committed time.Time) string { return committed.UTC().Format(stateTime) }

// StateTime returns the time that the name of a state stands for; ok is false for a name that is not a time.
func StateTime(name string) (committed time.Time, ok bool) {
	committed, err := time.Parse(stateTime, name)
	return committed, err == nil
}

// Clean returns a path without trailing slashes, which shells add to folders.
func Clean(path string) string {
	if cleaned := strings.TrimRight(path, "/"); cleaned != "" || path == "" {
		return cleaned
	}
	return "/"
}
