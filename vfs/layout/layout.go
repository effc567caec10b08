// Package layout is the drive's layout: the folders at its top, and the names of the states in its history. Whatever
// has to know them (WebDAV, the pages for browsers, the gateway, the commands) finds them here and nowhere else.
package layout

import (
	"strings"
	"time"
)

// The folders at the top of the drive. The top itself takes no others.
const (
	Files   = "/files"   // the user's own files
	Shared  = "/shared"  // what friends share
	Chats   = "/chats"   // conversations
	History = "/history" // the own files as they were
)

// Folder describes a folder at the top of the drive.
type Folder struct {
	Path     string
	About    string // one sentence for people
	Empty    string // what people are told while nothing is in it; may be empty
	ReadOnly bool   // nothing can be created, changed or removed directly in it
}

// Folders are the folders at the top of the drive, sorted by path.
func Folders() []Folder {
	return []Folder{
		{Path: Chats, About: "Your conversations, each a folder.", Empty: emptyChats, ReadOnly: true},
		{Path: Files, About: "Your own files."},
		{Path: History, About: "Your files as they were. Times are UTC; nothing in here can be changed.", ReadOnly: true},
		{Path: Shared, About: "What friends share with you.", Empty: emptyShared, ReadOnly: true},
	}
}

const (
	emptyShared = "This is where the files and folders that friends share with you will be: a folder for each " +
		"friend, with everything that this friend shares. You will use them like your own, and change " +
		"those that your friend lets you change. This version cannot share yet. Nothing can be put in " +
		"here by hand; your own files belong in " + Files + "."
	emptyChats = "This is where your conversations will be: a folder for each, with a page of text for every " +
		"day and the files that were sent. You will write by saving a text, and send a file by " +
		"dropping it in. This version cannot chat yet. Nothing can be put in here by hand; your own " +
		"files belong in " + Files + "."
)

// CutFiles returns where a path lies within the user's own files: "" for Files itself, "/a/b" for what lies in it. ok
// is false for a path that lies elsewhere.
func CutFiles(path string) (within string, ok bool) { return cut(path, Files) }

// CutState splits the path of something in the history into the name of its state and where it lay within the own
// files: "" for the whole state. ok is false for History itself and for a path that lies elsewhere.
func CutState(path string) (state, within string, ok bool) {
	rest, ok := cut(path, History)
	if !ok {
		return "", "", false
	}
	state, within, deeper := strings.Cut(strings.TrimPrefix(rest, "/"), "/")
	if deeper {
		within = "/" + within
	}
	return state, within, state != ""
}

func cut(path, folder string) (within string, ok bool) {
	within, ok = strings.CutPrefix(path, folder)
	return within, ok && (within == "" || within[0] == '/')
}

// InState returns the path in the history of what lay at a path within the own files ("" for all of them).
func InState(state, within string) string { return History + "/" + state + within }

// stateTime names a state of the history: the time of its commit in UTC, to the second, so that every device shows
// the same.
const stateTime = "2006-01-02 15.04.05"

// StateName returns the name of the state that a commit of this time leaves in the history. Commits of one second
// leave one state.
func StateName(committed time.Time) string { return committed.UTC().Format(stateTime) }

// StateTime returns the time that the name of a state stands for; ok is false for a name that is no time.
func StateTime(name string) (committed time.Time, ok bool) {
	committed, err := time.Parse(stateTime, name)
	return committed, err == nil
}

// Clean returns a path without the slashes at its end that shells add to folders.
func Clean(path string) string {
	if cleaned := strings.TrimRight(path, "/"); cleaned != "" || path == "" {
		return cleaned
	}
	return "/"
}
