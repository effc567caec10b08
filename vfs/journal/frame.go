package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"postern/crypto"
)

// The layout of a file: see JOURNAL.md. All numbers are big-endian.
const (
	fileMagic   = "PSTNJRN2"
	oldMagic    = "PSTNJRN1" // from before runs: the whole salt was random
	headerSize  = 64         // magic 8, first 8, salt 32 (run 8, random 24), tag 16
	headerPlain = headerSize - crypto.FrameOverhead

	frameMagic  = "Frm\x01"
	frameHeader = 32 // magic 4, sealed length 4, attachment length 4, number 4, sequence number 8, synced 8

	kindRecord = 1
	kindEnd    = 2
	kindGap    = 3 // stands for records that were dropped; its operation is the number of the record after them

	gapSize = 8

	bodySize  = 9 // kind 1, time 8
	nameSize  = len(crypto.BlobName{})
	minSealed = bodySize + crypto.FrameOverhead
	maxSealed = bodySize + nameSize + MaxOp + crypto.FrameOverhead
)

// errBad says that bytes are not a frame, or not the expected one.
var errBad = errors.New("not a valid record")

// header is the part of a frame that is authenticated but not sealed.
type header struct {
	sealed, attached int    // bytes that follow
	number           uint32 // the nonce: increasing, used once per file
	seq              uint64 // for an end: the next record's
	synced           uint64 // the newest acknowledged record when this frame was written
}

// size is the length of the whole frame.
func (h header) size() int64 { return int64(frameHeader + h.sealed + h.attached) }

func (h header) append(b []byte) []byte {
	b = append(b, frameMagic...)
	b = binary.BigEndian.AppendUint32(b, uint32(h.sealed))
	b = binary.BigEndian.AppendUint32(b, uint32(h.attached))
	b = binary.BigEndian.AppendUint32(b, h.number)
	b = binary.BigEndian.AppendUint64(b, h.seq)
	return binary.BigEndian.AppendUint64(b, h.synced)
}

func parseHeader(b []byte) (header, error) {
	if len(b) != frameHeader || string(b[:4]) != frameMagic {
		return header{}, fmt.Errorf("%w: no frame begins here", errBad)
	}
	sealed, attached := binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	if sealed < minSealed || sealed > uint32(maxSealed) || attached > MaxAttachment {
		return header{}, fmt.Errorf("%w: lengths %d and %d are out of bounds", errBad, sealed, attached)
	}
	return header{
		sealed:   int(sealed),
		attached: int(attached),
		number:   binary.BigEndian.Uint32(b[12:]),
		seq:      binary.BigEndian.Uint64(b[16:]),
		synced:   binary.BigEndian.Uint64(b[24:]),
	}, nil
}

// body is the part of a frame that is sealed.
type body struct {
	kind byte
	time int64           // nanoseconds since 1970
	name crypto.BlobName // of the attachment; absent without one
	op   []byte
}

func (b body) append(p []byte, attached bool) []byte {
	p = append(p, b.kind)
	p = binary.BigEndian.AppendUint64(p, uint64(b.time))
	if attached {
		p = append(p, b.name[:]...)
	}
	return append(p, b.op...)
}

func parseBody(p []byte, attached bool) (body, error) {
	need := bodySize
	if attached {
		need += nameSize
	}
	if len(p) < need || len(p)-need > MaxOp {
		return body{}, fmt.Errorf("%w: its sealed part has %d bytes", errBad, len(p))
	}
	b := body{kind: p[0], time: int64(binary.BigEndian.Uint64(p[1:])), op: p[need:]}
	if attached {
		copy(b.name[:], p[bodySize:])
	}
	switch {
	case b.kind == kindRecord:
	case b.kind == kindEnd && !attached && len(b.op) == 0:
	case b.kind == kindGap && !attached && len(b.op) == gapSize:
	default:
		return body{}, fmt.Errorf("%w: kind %d", errBad, b.kind)
	}
	return b, nil
}

// after returns the number of the record after a gap.
func (b body) after() uint64 { return binary.BigEndian.Uint64(b.op) }

func (b body) record(h header) Record {
	return Record{Seq: h.seq, Time: time.Unix(0, b.time), Op: b.op, Attachment: b.name, Size: h.attached}
}

// appendFrame appends a whole frame to dst. scratch is a buffer for the plain body; it is returned for reuse.
func appendFrame(dst, scratch []byte, k crypto.FrameKey, h header, b body, attachment []byte) (frame, _ []byte) {
	attached := len(attachment) > 0
	scratch = b.append(scratch[:0], attached)
	h.sealed, h.attached = len(scratch)+crypto.FrameOverhead, len(attachment)
	start := len(dst)
	dst = h.append(dst)
	dst = crypto.SealFrame(dst, k, uint64(h.number), dst[start:start+frameHeader], scratch)
	return append(dst, attachment...), scratch
}

// appendFileHeader appends the header of a file.
func appendFileHeader(dst []byte, k crypto.FrameKey, first uint64, salt [32]byte) []byte {
	start := len(dst)
	dst = append(dst, fileMagic...)
	dst = binary.BigEndian.AppendUint64(dst, first)
	dst = append(dst, salt[:]...)
	return crypto.SealFrame(dst, k, 0, dst[start:start+headerPlain], nil)
}

// parseFileHeader returns the file's first sequence number, the run that wrote it and its key.
func parseFileHeader(
	b []byte, key func(salt [32]byte) crypto.FrameKey,
) (first uint64, run Run, k crypto.FrameKey, err error) {
	if len(b) != headerSize || string(b[:len(fileMagic)]) != fileMagic && string(b[:len(oldMagic)]) != oldMagic {
		return 0, run, k, errors.New("it is no journal file of this version")
	}
	first = binary.BigEndian.Uint64(b[len(fileMagic):])
	salt := [32]byte(b[len(fileMagic)+8:])
	k = key(salt)
	if _, err := crypto.OpenFrame(k, 0, b[:headerPlain], b[headerPlain:]); err != nil {
		return 0, run, k, errors.New("its header was changed, or it belongs to another account")
	}
	if first == 0 {
		return 0, run, k, errors.New("its first record has number 0")
	}
	if string(b[:len(fileMagic)]) == fileMagic {
		run = Run(salt[:])
	}
	return first, run, k, nil
}
