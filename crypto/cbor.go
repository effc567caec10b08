package crypto

import (
	"bytes"
	"fmt"
	"reflect"
	"sync"

	"github.com/fxamacker/cbor/v2"
)

// The bounds of Decode.
const (
	maxCBORSize   = MaxBlobSize // bytes: nothing longer can be stored
	maxCBORNested = 16          // levels: entries, properties and contents need half of these
	maxCBORItems  = 1 << 16     // elements of an array or pairs of a map
)

// cborModes builds the two modes once. The options are constants, so the error is one of this package.
var cborModes = sync.OnceValues(func() (modes struct {
	enc cbor.EncMode
	dec cbor.DecMode
}, err error) {
	enc := cbor.CoreDetEncOptions() // RFC 8949 §4.2.1
	enc.NilContainers = cbor.NilContainerAsEmpty
	enc.TagsMd = cbor.TagsForbidden
	if modes.enc, err = enc.EncMode(); err != nil {
		return modes, err
	}
	modes.dec, err = cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		FieldNameMatching: cbor.FieldNameMatchingCaseSensitive,
		MaxNestedLevels:   maxCBORNested,
		MaxArrayElements:  maxCBORItems,
		MaxMapPairs:       maxCBORItems,
	}.DecMode()
	return modes, err
})

// Encode returns the one canonical encoding of v: CBOR, core deterministic (RFC 8949 §4.2.1), definite lengths, no
// tags. A nil slice or map is written as an empty one. The caller must turn times into integers.
func Encode(v any) ([]byte, error) {
	modes, err := cborModes()
	if err != nil {
		return nil, err
	}
	b, err := modes.enc.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	if len(b) > maxCBORSize {
		return nil, fmt.Errorf("encode: %d bytes are more than %d", len(b), maxCBORSize)
	}
	return b, nil
}

// Decode reads the canonical encoding of a value into v, a pointer to a zero value. Anything else, such as a longer
// spelling of a number, keys out of order, an unknown field or a byte too many, is ErrFormat: it accepts only the
// encoding that Encode returns for v. v is undefined after an error.
func Decode(b []byte, v any) error {
	if target := reflect.ValueOf(v); target.Kind() != reflect.Pointer || target.IsNil() {
		return fmt.Errorf("decode into %T: a pointer is needed", v)
	}
	if len(b) > maxCBORSize {
		return fmt.Errorf("decode: %w: %d bytes are more than %d", ErrFormat, len(b), maxCBORSize)
	}
	modes, err := cborModes()
	if err != nil {
		return err
	}
	if err := modes.dec.Unmarshal(b, v); err != nil {
		return fmt.Errorf("decode: %w: %w", ErrFormat, err)
	}
	// The library accepts some spellings that it never writes, numbers longer than needed among them.
	again, err := modes.enc.Marshal(v)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("decode: %w: not the canonical encoding", ErrFormat)
	}
	return nil
}
