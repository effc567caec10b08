package gc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"slices"
	"time"

	"postern/crypto"
	"postern/remote/localfs"
	"postern/vfs/object"
)

// File is a Ledger in a file of its own. It holds names of blobs, which the remote knows as well, and times.
//
//	"postern garbage\n"  u32 version  32 hash of the commit walked  5 × i64 Last  i64 0, unused
//	in version 3 only: u32 spaces  u32 sets  for each space: 32 id, 32 hash walked  for each set: u32 members, u32 each
//	for each blob, by name: 32 name, i64 since, in version 3 u32 set, from 1 on; 0: the own space alone
//	at the end the BLAKE3 hash of everything before
//
// As long as the own space is the only one, the file has version 2, which older builds read as well. Older builds treat
// a file of version 3 as damaged. That is safe: all grace periods restart, and a drive with other spaces has a version
// that older builds do not collect.
//
// Save writes another file and renames it, so that a crash leaves either the old file or the new one. Load returns
// empty notes for a damaged file.
type File struct {
	Path string
	FS   localfs.FS   // nil: the system's
	Log  *slog.Logger // nil: quiet
}

const (
	fileMagic    = "postern garbage\n"
	fileVersion2 = 2
	fileVersion3 = 3
	fileHead     = len(fileMagic) + 4 + 32 + 6*8
	fileRecord   = 32 + 8
	fileSpace    = 32 + 32
	// maxFile limits the bytes that are read: the names of 100 TB in full chunks.
	maxFile = 1 << 30
)

func (f *File) fs() localfs.FS {
	if f.FS == nil {
		return localfs.OS{}
	}
	return f.FS
}

// Load implements Ledger.
func (f *File) Load() (Notes, error) {
	b, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		return Notes{}, nil
	}
	if err != nil {
		return Notes{}, fmt.Errorf("read the list of garbage: %w", err)
	}
	n, err := parse(b)
	if err != nil {
		if f.Log != nil {
			f.Log.Warn("the list of garbage is damaged and is forgotten, so all grace periods begin anew",
				"file", f.Path, "error", err)
		}
		return Notes{}, nil
	}
	return n, nil
}

func (f *File) read() (_ []byte, err error) {
	file, err := f.fs().Open(f.Path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil || size > maxFile {
		return nil, err
	}
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

func parse(b []byte) (Notes, error) {
	if len(b) < fileHead+32 || !bytes.HasPrefix(b, []byte(fileMagic)) {
		return Notes{}, crypto.ErrFormat
	}
	body, sum := b[:len(b)-32], b[len(b)-32:]
	if crypto.NameOf(body) != crypto.BlobName(sum) {
		return Notes{}, fmt.Errorf("%w: it is damaged", crypto.ErrFormat)
	}
	p := body[len(fileMagic):]
	version := binary.BigEndian.Uint32(p)
	n := Notes{Walked: object.CommitHash(p[4:36])}
	number := func(i int) int64 { return int64(binary.BigEndian.Uint64(p[36+8*i:])) }
	n.Last = Last{At: number(0), Needed: number(1), Candidates: number(2), Commit: number(4)}
	if due := number(3); due != 0 {
		n.Last.Due = time.Unix(0, due).UTC()
	}
	r := fields{left: body[fileHead:]}
	switch version {
	case fileVersion2:
		n.Blobs = make(map[crypto.BlobName]int64, len(r.left)/fileRecord)
		for len(r.left) > 0 && !r.short {
			n.Blobs[crypto.BlobName(r.bytes(32))] = int64(binary.BigEndian.Uint64(r.bytes(8)))
		}
	case fileVersion3:
		r.spaces(&n)
	default:
		return Notes{}, fmt.Errorf("%w: version %d", crypto.ErrFormat, version)
	}
	if r.short {
		return Notes{}, crypto.ErrFormat
	}
	return n, nil
}

// fields reads the fields of a file, one after the other.
type fields struct {
	left  []byte
	short bool // the file was too short, or a number was out of range
	zeros [32]byte
}

func (r *fields) bytes(n int) []byte {
	if len(r.left) < n {
		r.left, r.short = nil, true
		return r.zeros[:n]
	}
	b := r.left[:n]
	r.left = r.left[n:]
	return b
}

// number reads a number of at most limit most.
func (r *fields) number(most int) int {
	n := binary.BigEndian.Uint32(r.bytes(4))
	if int64(n) > int64(most) {
		r.left, r.short = nil, true
		return 0
	}
	return int(n)
}

// spaces reads what version 3 has after the head.
func (r *fields) spaces(n *Notes) {
	spaces := r.number(len(r.left) / fileSpace)
	count := r.number(len(r.left) / 4)
	sets := make([][]uint32, 1, 1+count) // set numbers start at 1
	for range spaces {
		n.Spaces = append(n.Spaces, Seen{ID: crypto.PointerID(r.bytes(32)), Walked: object.CommitHash(r.bytes(32))})
	}
	for range count {
		set := make([]uint32, r.number(min(spaces+1, len(r.left)/4)))
		for i := range set {
			set[i] = uint32(r.number(spaces))
			if i > 0 && set[i] <= set[i-1] {
				r.short = true
			}
		}
		sets = append(sets, set)
	}
	n.Blobs = make(map[crypto.BlobName]int64, len(r.left)/(fileRecord+4))
	for len(r.left) > 0 && !r.short {
		name := crypto.BlobName(r.bytes(32))
		n.Blobs[name] = int64(binary.BigEndian.Uint64(r.bytes(8)))
		set := r.number(len(sets) - 1)
		if set == 0 {
			continue
		}
		if n.From == nil {
			n.From = map[crypto.BlobName][]uint32{}
		}
		n.From[name] = sets[set]
	}
}

func (n Notes) encode() []byte {
	version, record := uint32(fileVersion2), fileRecord
	if len(n.Spaces) > 0 {
		version, record = fileVersion3, fileRecord+4
	}
	b := make([]byte, 0, fileHead+len(n.Spaces)*fileSpace+len(n.Blobs)*record+32)
	b = append(b, fileMagic...)
	b = binary.BigEndian.AppendUint32(b, version)
	b = append(b, n.Walked[:]...)
	due := int64(0)
	if !n.Last.Due.IsZero() {
		due = n.Last.Due.UnixNano()
	}
	for _, v := range []int64{n.Last.At, n.Last.Needed, n.Last.Candidates, due, n.Last.Commit, 0} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	names := slices.SortedFunc(maps.Keys(n.Blobs), func(a, b crypto.BlobName) int { return bytes.Compare(a[:], b[:]) })
	numbers := map[string]uint32{}
	if version == fileVersion3 {
		b = n.appendSpaces(b, names, numbers)
	}
	for _, name := range names {
		b = append(b, name[:]...)
		b = binary.BigEndian.AppendUint64(b, uint64(n.Blobs[name]))
		if version == fileVersion3 {
			number := uint32(0)
			if from, other := n.From[name]; other {
				number = numbers[setKey(from)]
			}
			b = binary.BigEndian.AppendUint32(b, number)
		}
	}
	sum := crypto.NameOf(b)
	return append(b, sum[:]...)
}

// appendSpaces appends what version 3 has after the head, and numbers the sets of the names.
func (n Notes) appendSpaces(b []byte, names []crypto.BlobName, numbers map[string]uint32) []byte {
	var sets []byte
	for _, name := range names {
		from, other := n.From[name]
		if key := setKey(from); other && numbers[key] == 0 {
			numbers[key] = uint32(len(numbers) + 1)
			sets = binary.BigEndian.AppendUint32(sets, uint32(len(from)))
			sets = append(sets, key...)
		}
	}
	b = binary.BigEndian.AppendUint32(b, uint32(len(n.Spaces)))
	b = binary.BigEndian.AppendUint32(b, uint32(len(numbers)))
	for _, s := range n.Spaces {
		b = append(b, s.ID[:]...)
		b = append(b, s.Walked[:]...)
	}
	return append(b, sets...)
}

// Save implements Ledger.
func (f *File) Save(n Notes) error {
	if err := localfs.Replace(f.fs(), f.Path, n.encode()); err != nil {
		return fmt.Errorf("save the list of garbage: %w", err)
	}
	return nil
}
