// Package journal stores, in order, every acknowledged change of a space that is not yet part of a commit. A change is
// a record: the encoded operation, and an optional attachment, which is the sealed chunk of a small file. JOURNAL.md is
// normative for the files.
//
// A record is acknowledged once Sync has returned for it. Acknowledged records are replayed after any crash, in order
// and complete. Records that were appended but not acknowledged may be lost, but only from the end.
package journal

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"postern/crypto"
	"postern/remote/localfs"
)

const (
	// MaxOp is the maximum length of an encoded operation in bytes. Names and properties are limited far below it.
	MaxOp = 1 << 20
	// MaxAttachment is the maximum length of an attachment in bytes.
	MaxAttachment = 1 << 20
	// DefaultSegmentSize is the size at which the journal begins another file: long enough that making files costs
	// nothing, short enough that trimming frees space soon.
	DefaultSegmentSize = 64 << 20
	// trimRotate is the size of the newest file from which Trim begins another although some of its records are still
	// needed.
	trimRotate = 4 << 20
)

// ErrBroken says that the journal can't guarantee anything any more, because a sync failed: the state of the unsynced
// bytes is unknown, and another sync may succeed falsely. Only a new start finds out what is on the disk.
var ErrBroken = errors.New(
	"the journal can't be written since an earlier failure; restart to recover what is on the disk")

// ErrDamaged says that acknowledged records were damaged on the disk.
var ErrDamaged = errors.New("the journal is damaged")

// Options of a journal. The zero value works.
type Options struct {
	FS          localfs.FS       // nil: the system's
	SegmentSize int64            // bytes; 0: DefaultSegmentSize
	Rand        io.Reader        // salts; nil: crypto/rand
	Clock       func() time.Time // the times of records; nil: time.Now
	Log         *slog.Logger     // nil: quiet
}

// Record is one replayed change.
type Record struct {
	Seq        uint64
	Time       time.Time // when it was appended
	Op         []byte
	Attachment crypto.BlobName // zero when there is none
	Size       int             // bytes of the attachment
}

// Stats are figures of the pending records, which Trim has not dropped.
type Stats struct {
	Records int
	Bytes   int64     // on the disk, attachments included
	Oldest  time.Time // when the oldest was appended; zero when there is none
	Next    uint64    // the sequence number of the next record
}

// Run identifies what one process appends, from one Open to the Close or crash. It is random, so that no number is
// given twice under one run, even when the folder was restored from a backup or copied to another machine. Zero: the
// file is from before there were runs.
type Run [8]byte

// Span is the range of records of one run in the journal.
type Span struct {
	Run         Run
	First, Last uint64 // sequence numbers
}

// Journal is an open journal. Its methods may be called by several goroutines at once. Only one process may open it at
// a time.
type Journal struct {
	dir  string
	run  Run
	fs   localfs.FS
	key  func(salt [32]byte) crypto.FrameKey
	rand io.Reader
	now  func() time.Time
	log  *slog.Logger
	max  int64

	trimming  sync.Mutex   // held during a Trim or Compact; locked before mu
	replaying sync.RWMutex // held during a Replay, and locked by Compact; locked before mu

	mu       sync.Mutex
	files    []*file // oldest first
	active   *file   // the last of files, once a record was appended since Open
	next     uint64  // next sequence number
	synced   uint64  // newest acknowledged record
	safe     int64   // end of the acknowledged records in the active file
	trimmed  uint64
	live     []mark // records beyond trimmed, oldest first
	bytes    int64  // size of the live records
	attached map[crypto.BlobName]place
	broken   error
	closed   bool
	buf      []byte // buffer for a frame
	plain    []byte // buffer for its body before sealing

	syncing chan struct{} // closed when the current sync has ended; nil: none
}

// mark is what Stats needs about a record.
type mark struct {
	seq  uint64
	at   int64 // nanoseconds since 1970
	size int64
}

// place is the location of an attachment.
type place struct {
	file *file
	off  int64
	size int
}

// Open opens or makes the journal in a directory. key derives the key of each file from its salt. Errors: ErrDamaged,
// with a sentence that names the file and the remedy; the system's.
func Open(dir string, key func(salt [32]byte) crypto.FrameKey, o Options) (*Journal, error) {
	if o.FS == nil {
		o.FS = localfs.OS{}
	}
	if o.SegmentSize == 0 {
		o.SegmentSize = DefaultSegmentSize
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	j := &Journal{dir: dir, fs: o.FS, key: key, rand: o.Rand, now: o.Clock, log: o.Log, max: o.SegmentSize,
		next: 1, attached: make(map[crypto.BlobName]place)}
	if _, err := io.ReadFull(j.rand, j.run[:]); err != nil {
		return nil, fmt.Errorf("open journal: no random bytes: %w", err)
	}
	if err := j.load(); err != nil {
		j.closeFiles()
		return nil, fmt.Errorf("open journal: %w", err)
	}
	return j, nil
}

// Replay calls f for every record, oldest first, and stops at f's first error. It may include records that Trim
// dropped, or drops meanwhile: f must skip records that a commit holds already.
func (j *Journal) Replay(f func(Record) error) error {
	j.replaying.RLock()
	defer j.replaying.RUnlock()
	j.mu.Lock()
	files := make([]file, len(j.files))
	for i, f := range j.files {
		files[i] = *f
	}
	j.mu.Unlock()
	for i := range files {
		var stopped error
		end, bad, err := files[i].scan(files[i].size, func(fr frame) error {
			if fr.kind == kindRecord {
				stopped = f(fr.record(fr.header))
			}
			return stopped
		})
		switch {
		case stopped == nil && errors.Is(err, fs.ErrClosed) && j.dropped(&files[i]):
			// Trim has removed the file meanwhile.
		case err != nil:
			return fmt.Errorf("replay journal: %w", err)
		case bad != nil:
			return fmt.Errorf("replay journal: %w", damaged(&files[i], end, bad.Error()))
		}
	}
	return nil
}

// dropped reports whether Trim has dropped all records of a file.
func (j *Journal) dropped(f *file) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return f.next-1 <= j.trimmed
}

// Run returns the run of this opening.
func (j *Journal) Run() Run { return j.run }

// Spans returns the spans of the records that Replay would show, oldest first, and the number from which further
// records may exist. Next is as in Stats.
func (j *Journal) Spans() (spans []Span, next uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, f := range j.files {
		switch last := len(spans) - 1; {
		case f.next == f.first: // empty
		case last >= 0 && spans[last].Run == f.run:
			spans[last].Last = f.next - 1
		default:
			spans = append(spans, Span{Run: f.run, First: f.first, Last: f.next - 1})
		}
	}
	return spans, j.next
}

// Attachment returns a whole attachment. The error is fs.ErrNotExist when no record has it, or the record was trimmed.
func (j *Journal) Attachment(name crypto.BlobName) ([]byte, error) {
	at, err := j.place(name)
	if err != nil {
		return nil, err
	}
	p := make([]byte, at.size)
	return p, j.AttachmentRange(name, 0, p)
}

// AttachmentRange fills p with the bytes of an attachment from off on. Errors as Attachment; io.ErrUnexpectedEOF when
// the range ends past the attachment.
func (j *Journal) AttachmentRange(name crypto.BlobName, off int64, p []byte) error {
	for {
		at, err := j.place(name)
		if err != nil {
			return err
		}
		err = at.read(name, off, p)
		if now, _ := j.place(name); !errors.Is(err, fs.ErrNotExist) || now == at || now == (place{}) {
			return err
		} // otherwise its file was written anew
	}
}

// Pending returns figures of the pending records. Right after Open these are all records on the disk.
func (j *Journal) Pending() Stats {
	j.mu.Lock()
	defer j.mu.Unlock()
	s := Stats{Records: len(j.live), Bytes: j.bytes, Next: j.next}
	if len(j.live) > 0 {
		s.Oldest = time.Unix(0, j.live[0].at)
	}
	return s
}

// Durable returns the newest record that is durable.
func (j *Journal) Durable() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.synced
}

// Broken returns the ErrBroken that makes the journal reject records, or nil.
func (j *Journal) Broken() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.broken
}

// Close makes everything durable and closes the files. Later calls fail with fs.ErrClosed.
func (j *Journal) Close() error {
	j.mu.Lock()
	next, closed := j.next, j.closed
	j.mu.Unlock()
	if closed {
		return nil
	}
	err := j.Sync(context.Background(), next-1)
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return nil
	}
	if err == nil {
		err = j.end()
	}
	j.closed = true
	j.closeFiles()
	return err
}
