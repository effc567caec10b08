package tree

import (
	"fmt"
	"slices"
	"time"

	"postern/crypto"
	"postern/vfs"
	"postern/vfs/object"
)

// The encoding of an op in the journal: [kind, fields]. The journal is local and is upgraded by the program that finds
// it, so this is not part of the format of spaces.

type opEnvelope struct {
	_    struct{} `cbor:",toarray"`
	Kind opKind
	Body raw
}

// raw is an encoding within another.
type raw []byte

func (r raw) MarshalCBOR() ([]byte, error) { return r, nil }

func (r *raw) UnmarshalCBOR(b []byte) error {
	*r = slices.Clone(b)
	return nil
}

// stamp is a time in nanoseconds since 1970 UTC, nil for none.
type stamp = *int64

type wirePut struct {
	_      struct{} `cbor:",toarray"`
	Path   string
	Entry  object.Entry
	Piece  []byte
	Chosen bool
}

type wireMkdir struct {
	_       struct{} `cbor:",toarray"`
	Path    string
	Version [16]byte
	Time    int64
}

type wireRemove struct {
	_    struct{} `cbor:",toarray"`
	Path string
}

// wireTransfer is a Move, which is never shallow, or a Copy.
type wireTransfer struct {
	_        struct{} `cbor:",toarray"`
	From, To string
	Replace  bool
	Shallow  bool
	Modified stamp
}

type wireName struct {
	_            struct{} `cbor:",toarray"`
	Space, Local string
}

type wireProperty struct {
	_                         struct{} `cbor:",toarray"`
	Space, Local, Lang, Value string
}

type wirePatch struct {
	_                 struct{} `cbor:",toarray"`
	Path              string
	Modified, Created stamp
	Set               []wireProperty
	Remove            []wireName
}

func toStamp(t time.Time) stamp {
	if t.IsZero() {
		return nil
	}
	ns := object.Nanos(t)
	return &ns
}

func fromStamp(s stamp) time.Time {
	if s == nil {
		return time.Time{}
	}
	return object.Time(*s)
}

func toWire(op Op) (any, error) {
	switch op := op.(type) {
	case Put:
		entry, err := op.entry()
		if err != nil {
			return nil, err
		}
		w := wirePut{Path: op.Path, Entry: entry, Chosen: op.Chosen}
		if !op.Piece.IsZero() {
			w.Piece = op.Piece[:]
		}
		return w, nil
	case Mkdir:
		return wireMkdir{Path: op.Path, Version: op.Version, Time: object.Nanos(op.Time)}, nil
	case Remove:
		return wireRemove{Path: op.Path}, nil
	case Move:
		return wireTransfer{From: op.From, To: op.To, Replace: op.Replace, Modified: toStamp(op.Modified)}, nil
	case Copy:
		return wireTransfer{From: op.From, To: op.To, Replace: op.Replace, Shallow: op.Shallow,
			Modified: toStamp(op.Modified)}, nil
	case Patch:
		w := wirePatch{Path: op.Path, Modified: toStamp(op.Modified), Created: toStamp(op.Created)}
		for _, p := range op.Set {
			w.Set = append(w.Set, wireProperty{Space: p.Name.Space, Local: p.Name.Local, Lang: p.Lang, Value: p.Value})
		}
		for _, n := range op.Remove {
			w.Remove = append(w.Remove, wireName{Space: n.Space, Local: n.Local})
		}
		return w, nil
	case Sever:
		return op.wire(), nil
	case Graft:
		return op.wire()
	case Mount:
		return op.wire()
	}
	return nil, fmt.Errorf("%w: an operation of type %T", vfs.ErrInvalid, op)
}

func fromWire(e opEnvelope) (Op, error) {
	switch e.Kind {
	case opPut:
		return decodePut(e.Body)
	case opMkdir:
		w, err := body[wireMkdir](e.Body)
		return Mkdir{Path: w.Path, Version: w.Version, Time: object.Time(w.Time)}, err
	case opRemove:
		w, err := body[wireRemove](e.Body)
		return Remove{Path: w.Path}, err
	case opMove:
		w, err := body[wireTransfer](e.Body)
		if err == nil && w.Shallow {
			err = fmt.Errorf("operation: %w: a shallow move", crypto.ErrFormat)
		}
		return Move{From: w.From, To: w.To, Replace: w.Replace, Modified: fromStamp(w.Modified)}, err
	case opCopy:
		w, err := body[wireTransfer](e.Body)
		return Copy{From: w.From, To: w.To, Replace: w.Replace, Shallow: w.Shallow, Modified: fromStamp(w.Modified)}, err
	case opPatch:
		return decodePatch(e.Body)
	case opGraft, opGraftMounts, opGraftFilled:
		return decodeGraft(e)
	case opSever:
		return decodeSever(e.Body)
	case opMount:
		return decodeMount(e.Body)
	}
	return nil, fmt.Errorf("operation: %w: kind %d", crypto.ErrFormat, e.Kind)
}

func body[W any](b raw) (w W, err error) {
	if err := crypto.Decode(b, &w); err != nil {
		return w, fmt.Errorf("operation: %w", err)
	}
	return w, nil
}

func decodePut(b raw) (Op, error) {
	w, err := body[wirePut](b)
	if err != nil {
		return nil, err
	}
	op := Put{Path: w.Path, Entry: w.Entry, Chosen: w.Chosen}
	switch len(w.Piece) {
	case 0:
	case len(op.Piece):
		op.Piece = crypto.BlobName(w.Piece)
	default:
		return nil, fmt.Errorf("operation: %w: the name of a piece has %d bytes", crypto.ErrFormat, len(w.Piece))
	}
	entry, err := op.entry()
	if err != nil || entry.Name != w.Entry.Name || len(w.Piece) > 0 && op.Piece.IsZero() {
		return nil, fmt.Errorf("operation: %w: not a file that can be put", crypto.ErrFormat)
	}
	return op, nil
}

func decodePatch(b raw) (Op, error) {
	w, err := body[wirePatch](b)
	if err != nil {
		return nil, err
	}
	op := Patch{Path: w.Path, Modified: fromStamp(w.Modified), Created: fromStamp(w.Created)}
	for _, p := range w.Set {
		op.Set = append(op.Set,
			vfs.Property{Name: vfs.PropertyName{Space: p.Space, Local: p.Local}, Lang: p.Lang, Value: p.Value})
	}
	for _, n := range w.Remove {
		op.Remove = append(op.Remove, vfs.PropertyName{Space: n.Space, Local: n.Local})
	}
	return op, nil
}

// maxAhead is the number of seconds that a version's time may be ahead of the clock, to differ from that of the version
// it replaces.
const maxAhead = 2

// savedAt returns the time, in nanoseconds, of a version saved now over one of the time old: now, or the next full
// second after old if both are in the same second, so that clients that compare HTTP dates see a change. It is at most
// maxAhead seconds after now; if old is further ahead, now is in another second anyway.
func savedAt(old, now int64) int64 {
	const second = int64(time.Second)
	o, n := floorDiv(old, second), floorDiv(now, second)
	if o < n || o >= n+maxAhead {
		return now
	}
	return (o + 1) * second
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
