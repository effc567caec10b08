package people

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"time"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/registry"
	"postern/vfs/roots"
	"postern/vfs/tree"
)

// The kinds of records.
const (
	kindAccount registry.Kind = "account" // one record, "self"
	kindSpace   registry.Kind = "space"   // by id: a space of this account besides its own one
	kindFriend  registry.Kind = "friend"  // by author id
	kindGroup   registry.Kind = "group"   // by name
	kindShare   registry.Kind = "share"   // by id of the shared space
	kindGrant   registry.Kind = "grant"   // by id of the shared space, a slash, and an author id or a group's name
	kindMember  registry.Kind = "member"  // by name of the group, a slash, and an author id
	kindLink    registry.Kind = "link"    // by id of the link's pointer
	kindOpened  registry.Kind = "opened"  // by id of the pointer of somebody else's link
	kindTheirs  registry.Kind = "theirs"  // by id: a space of somebody else that this account writes
	kindLeft    registry.Kind = "left"    // by id: a space of somebody else that this account does not want to see
)

// self is the id of the one record of kindAccount.
const self = "self"

// The fields of records. Those of one kind are listed with it.
const (
	fieldStore = "store" // account: the id of the store
	fieldName  = "name"  // account: the name claimed at the store. friend, share, opened, theirs: name of its folder

	fieldSecret  = "secret"  // space: its secret
	fieldStage   = "stage"   // space: see roots.Stage
	fieldFinal   = "final"   // space: the last commit of a retired one
	fieldEnded   = "ended"   // space: when it was retired
	fieldNext    = "next"    // space: id of the space that replaced it
	fieldUse     = "use"     // space: what for
	fieldVersion = "version" // space: of the file that the space of a link holds
	fieldCarried = "carried" // space: the commit up to which a retired one was merged into the one that replaced it

	fieldState   = "state"   // friend: State
	fieldContact = "contact" // friend: see crypto.Card
	fieldCalled  = "called"  // friend: the name it goes by, for people
	fieldTurn    = "turn"    // friend: counts the pair spaces made for them; see pairSecret
	fieldTheirs  = "theirs"  // friend: capability of the space that it keeps for this account
	fieldLetter  = "letter"  // friend: id of the request
	fieldSent    = "sent"    // friend: when the newest letter was sent
	fieldSince   = "since"   // friend, link: when it came to be

	fieldPath  = "path"  // share, link: of the drive
	fieldRight = "right" // grant: mayRead, mayWrite or empty
	fieldIn    = "in"    // member: "1" or empty. theirs: origin of the space around it; empty: it is an offer

	fieldWriter    = "writer"    // link: seed of its pointer's key
	fieldKey       = "key"       // link, opened: read key of the pointer
	fieldPassword  = "password"  // link: "1" if it needs a password, too
	fieldPublished = "published" // link: id of the space that its pointer leads to. space: hash of a pair space's offers
	fieldLink      = "link"      // opened: the link
	fieldTarget    = "target"    // link: id of the space
	fieldExpires   = "expires"   // link: when it ends
	fieldGone      = "gone"      // link, opened: "1" once it is revoked
	fieldCap       = "cap"       // theirs: capability to write
)

// The uses of spaces.
const (
	useShare = "share"
	usePair  = "pair"
	useLink  = "link"
)

func stageBytes(s roots.Stage) []byte { return []byte{byte(s)} }

func timeBytes(t time.Time) []byte {
	if t.IsZero() {
		return nil
	}
	return binary.BigEndian.AppendUint64(nil, uint64(t.UnixNano()))
}

func timeOf(b []byte) time.Time {
	if len(b) != 8 {
		return time.Time{}
	}
	return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
}

// refBytes and refOf keep a reference as the head of a commit is encoded.
func refBytes(r object.Ref) []byte { return object.Head{Version: object.Version2, Commit: r}.Encode() }

func refOf(b []byte) (object.Ref, bool) {
	h, err := object.DecodeHead(b)
	return h.Commit, err == nil
}

// entryBytes and entryOf keep a folder or file as it was at some time.
func entryBytes(e object.Entry) ([]byte, error) {
	if e.Kind == object.Folder {
		e = object.Entry{Kind: e.Kind, Version: e.Version, Root: e.Root, Size: e.Size, Count: e.Count}
	}
	return tree.EncodeOp(tree.Graft{Path: "/was", Entry: e})
}

func entryOf(b []byte) (object.Entry, bool) {
	op, err := tree.DecodeOp(b)
	g, ok := op.(tree.Graft)
	return g.Entry, err == nil && ok
}

func uintOf(b []byte) uint32 {
	if len(b) != 4 {
		return 0
	}
	return binary.BigEndian.Uint32(b)
}

// ownedSpace is a record of kindSpace.
type ownedSpace struct {
	crypto.Capability // to write
	Stage             roots.Stage
	Final             object.Ref
	Next              string // id of the space that replaced it
	Use               string
}

// spaces returns the account's further spaces.
func (p *People) spaces(s registry.State) map[crypto.PointerID]ownedSpace {
	all := map[crypto.PointerID]ownedSpace{}
	for _, r := range s.All(kindSpace) {
		if o, ok := p.space(s, r); ok {
			all[o.ID] = o
		}
	}
	return all
}

func (p *People) space(s registry.State, r registry.Record) (ownedSpace, bool) {
	secret := r.Get(fieldSecret)
	if len(secret) != crypto.KeySize {
		return ownedSpace{}, false // of a newer build
	}
	o := ownedSpace{Capability: p.derived.keys(crypto.SpaceSecret(secret)), Stage: roots.Making,
		Next: string(r.Get(fieldNext)), Use: string(r.Get(fieldUse))}
	o.Owner, o.Store = p.author(), storeOf(s)
	if b := r.Get(fieldStage); len(b) == 1 {
		o.Stage = roots.Stage(b[0])
	}
	if b := r.Get(fieldFinal); len(b) > 0 {
		var ok bool
		if o.Final, ok = refOf(b); !ok {
			return ownedSpace{}, false
		}
	}
	return o, true
}

// storeOf returns the id of the account's store; zero before it is known.
func storeOf(s registry.State) (id crypto.StoreID) {
	r, _ := s.Get(kindAccount, self)
	if b := r.Get(fieldStore); len(b) == len(id) {
		id = crypto.StoreID(b)
	}
	return id
}

// spaceNote returns a note for a new space.
func spaceNote(secret crypto.SpaceSecret, use string, stage roots.Stage) registry.Note {
	return registry.Note{Kind: kindSpace, ID: secret.Keys().ID.String(), Set: map[string][]byte{
		fieldSecret: secret[:], fieldUse: []byte(use), fieldStage: stageBytes(stage),
	}}
}

// Roots returns the account's further spaces as of a state of its private state; see roots.Registry.
func Roots(account crypto.AccountSecret, s registry.State) (all []roots.Space) {
	p := &People{o: Options{Account: account}}
	for _, r := range s.All(kindSpace) {
		if o, ok := p.space(s, r); ok {
			all = append(all, roots.Space{Capability: o.Capability, Stage: o.Stage, Final: o.Final, Shared: true})
		}
	}
	return all
}

// Name returns the name that the account has claimed; empty if it has none.
func Name(s registry.State) string {
	r, _ := s.Get(kindAccount, self)
	return string(r.Get(fieldName))
}

// Named returns the private state of a new account that has claimed a name.
func Named(name string) registry.State {
	return registry.State{}.With(registry.Note{Kind: kindAccount, ID: self,
		Set: map[string][]byte{fieldName: []byte(name)}})
}

// LinkPointers returns the pointers of the account's secret links, also of those that have ended.
func LinkPointers(s registry.State) (all []crypto.PointerID) {
	for id := range s.All(kindLink) {
		if p, err := crypto.ParsePointerID(id); err == nil {
			all = append(all, p)
		}
	}
	return all
}

func authorOf(id string) (a crypto.AuthorID, ok bool) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != len(a) {
		return a, false
	}
	return crypto.AuthorID(b), true
}

func isSet(b []byte) bool { return bytes.Equal(b, []byte("1")) }
