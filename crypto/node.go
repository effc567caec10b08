package crypto

import "fmt"

// NodeOverhead is how much longer a sealed node is than its plain bytes.
const NodeOverhead = TagSize

// SealNode appends the sealed node to dst. k must be fresh and is used for nothing else. len(plain)+NodeOverhead bytes
// are appended.
func SealNode(dst []byte, k NodeKey, plain []byte) []byte {
	return sealOnce(dst, k, plain, []byte(labelNode))
}

// OpenNode returns the plain bytes of a sealed node, in new memory. The error is ErrOpen.
func OpenNode(k NodeKey, sealed []byte) ([]byte, error) {
	plain, err := openOnce(nil, k, sealed, []byte(labelNode))
	if err != nil {
		return nil, fmt.Errorf("node: %w", err)
	}
	return plain, nil
}
