package page

import (
	"net/http"
	"strings"
	"time"
)

// Wish is a change that a form on a page about people asks for.
type Wish struct {
	Do       string        // one of the Do values below
	Path     string        // of the drive: what to share, unshare, leave, or make a link to
	Who      string        // a person, a name to claim, or whom to ask: a name or a contact card
	With     []string      // friends and groups to share with
	Write    bool          // they may also write
	Link     string        // id of a link, or the link to open
	Password string        // of a link; "": none
	Expires  time.Duration // of a link, from now on; 0: never
}

// The actions of the forms about people.
const (
	DoClaim   = "claim"
	DoAsk     = "ask"
	DoAccept  = "accept"
	DoReject  = "reject"
	DoRemove  = "remove"
	DoBlock   = "block"
	DoTrust   = "trust"
	DoShare   = "share"
	DoUnshare = "unshare"
	DoLeave   = "leave"
	DoLink    = "link"
	DoRevoke  = "revoke"
	DoOpen    = "open"
)

// The fields of the forms about people. FieldWith may be there several times.
const (
	FieldWho      = "who"
	FieldWith     = "with"
	FieldWrite    = "write" // "1": may also write
	FieldLink     = "link"
	FieldPassword = "password"
	FieldExpires  = "expires" // a duration; empty: never
	FieldPath     = "path"    // of the drive, unless it is the address of the form
)

// WishOf returns what a form about people asks for; false if it is no such form. field returns the values of a field.
func WishOf(path string, field func(name string) []string) (Wish, bool) {
	one := func(name string) string { return strings.Join(field(name), "") }
	w := Wish{Do: one(FieldDo), Path: path, Who: strings.TrimSpace(one(FieldWho)), With: field(FieldWith),
		Write: one(FieldWrite) == "1", Link: strings.TrimSpace(one(FieldLink)), Password: one(FieldPassword)}
	if p := one(FieldPath); p != "" {
		w.Path = p
	}
	if e := one(FieldExpires); e != "" {
		d, err := time.ParseDuration(e)
		if err != nil || d <= 0 {
			return Wish{}, false
		}
		w.Expires = d
	}
	switch w.Do {
	case DoClaim, DoAsk, DoAccept, DoReject, DoRemove, DoBlock, DoTrust, DoShare, DoUnshare, DoLeave, DoLink, DoRevoke,
		DoOpen:
		return w, true
	}
	return Wish{}, false
}

// BackTo returns the query of the page about people whose form was sent; "" if it was another page's.
func BackTo(r *http.Request, path string) string { return pageOfPeople(r, path) }
