package meet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"

	"postern/crypto"
	"postern/remote/localfs"
)

// Seen remembers messages for MaxAge days from the day they bear, after which their letters are refused as too old.
type Seen interface {
	// Has reports whether a message was added.
	Has(key SeenKey) bool
	// Add remembers messages durably, and may forget those that are too old on the day today.
	Add(today uint32, messages ...SeenMessage) error
}

// SeenKey is a hash of a message's author and id.
type SeenKey [16]byte

// SeenMessage is what is remembered of a message.
type SeenMessage struct {
	Key SeenKey
	Day uint32
}

func seenMessage(m crypto.Message) SeenMessage {
	hash := crypto.NameOf(slices.Concat(m.From.Author[:], m.ID[:]))
	return SeenMessage{SeenKey(hash[:]), m.Day}
}

// MaxSeen bounds a SeenFile: 16,384 messages, three days of the most that one Desk opens.
const MaxSeen = 1 << 14

// SeenFile is a Seen in a file, at most 320 KiB. It holds hashes of authors and random ids together, so it shows
// nobody's author id. When it is full, the oldest messages are forgotten first. A damaged file is empty: then letters
// may be handed out once more, which their handler notices. The zero value remembers in memory only.
//
//	"postern letters\n"  u32 1  for each message, by key: 16 key, u32 day
//	at the end the BLAKE3 hash of everything before
type SeenFile struct {
	fs   localfs.FS // nil: in memory only
	path string

	mu   sync.Mutex
	days map[SeenKey]uint32
}

const (
	seenMagic  = "postern letters\n\x00\x00\x00\x01"
	seenRecord = 16 + 4
	maxSeen    = len(seenMagic) + MaxSeen*seenRecord + 32
)

// OpenSeen reads the file at a path, or begins one. fs may be nil for the system's filesystem, log for none. The error
// is the filesystem's.
func OpenSeen(fsys localfs.FS, path string, log *slog.Logger) (*SeenFile, error) {
	if fsys == nil {
		fsys = localfs.OS{}
	}
	f := &SeenFile{fs: fsys, path: path}
	b, err := f.read()
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of letters: %w", err)
	}
	if f.days, err = parseSeen(b); err != nil && log != nil {
		log.Warn("the list of letters is damaged and is forgotten", "file", path, "error", err)
	}
	return f, nil
}

func (f *SeenFile) read() (_ []byte, err error) {
	file, err := f.fs.Open(f.path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	size, err := file.Size()
	if err != nil || size > int64(maxSeen) {
		return nil, err // too long: damaged
	}
	b := make([]byte, size)
	if n, err := file.ReadAt(b, 0); n < len(b) {
		return nil, err
	}
	return b, nil
}

// Has implements Seen.
func (f *SeenFile) Has(key SeenKey) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, has := f.days[key]
	return has
}

// Add implements Seen. After an error the messages are remembered in memory.
func (f *SeenFile) Add(today uint32, messages ...SeenMessage) error {
	if len(messages) == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.days == nil {
		f.days = map[SeenKey]uint32{}
	}
	for _, m := range messages {
		f.days[m.Key] = max(f.days[m.Key], m.Day)
	}
	all := f.prune(today)
	if f.fs == nil {
		return nil
	}
	if err := localfs.Replace(f.fs, f.path, encodeSeen(all)); err != nil {
		return fmt.Errorf("write the list of letters: %w", err)
	}
	return nil
}

// prune drops what is too old or too much, and returns the rest, sorted by key.
func (f *SeenFile) prune(today uint32) []SeenMessage {
	var all []SeenMessage
	for key, day := range f.days {
		if uint64(day)+MaxAge < uint64(today) {
			delete(f.days, key)
			continue
		}
		all = append(all, SeenMessage{key, day})
	}
	byKey := func(a, b SeenMessage) int { return bytes.Compare(a.Key[:], b.Key[:]) }
	if len(all) > MaxSeen {
		slices.SortFunc(all, func(a, b SeenMessage) int { return cmp.Or(cmp.Compare(b.Day, a.Day), byKey(a, b)) })
		for _, m := range all[MaxSeen:] {
			delete(f.days, m.Key)
		}
		all = all[:MaxSeen]
	}
	slices.SortFunc(all, byKey)
	return all
}

func encodeSeen(all []SeenMessage) []byte {
	b := append(make([]byte, 0, len(seenMagic)+len(all)*seenRecord+32), seenMagic...)
	for _, m := range all {
		b = binary.BigEndian.AppendUint32(append(b, m.Key[:]...), m.Day)
	}
	sum := crypto.NameOf(b)
	return append(b, sum[:]...)
}

// parseSeen parses what encodeSeen returns, and nothing else.
func parseSeen(b []byte) (map[SeenKey]uint32, error) {
	end := len(b) - 32
	if end < len(seenMagic) || (end-len(seenMagic))%seenRecord != 0 || len(b) > maxSeen ||
		string(b[:len(seenMagic)]) != seenMagic {
		return nil, errors.New("it is cut off, or of a later version")
	}
	if sum := crypto.NameOf(b[:end]); !bytes.Equal(sum[:], b[end:]) {
		return nil, errors.New("its hash is wrong")
	}
	days := map[SeenKey]uint32{}
	last := []byte(nil)
	for rest := b[len(seenMagic):end]; len(rest) > 0; rest = rest[seenRecord:] {
		if last != nil && bytes.Compare(last, rest[:16]) >= 0 {
			return nil, errors.New("its messages are not sorted")
		}
		last = rest[:16]
		days[SeenKey(last)] = binary.BigEndian.Uint32(rest[16:])
	}
	return days, nil
}
