package localfs

import "unsafe"

// Aligned returns a buffer whose address is a multiple of Alignment.
func Aligned(n int) []byte {
	p := make([]byte, n+Alignment)
	skip := (Alignment - address(p)%Alignment) % Alignment
	return p[skip : int(skip)+n : int(skip)+n]
}

func address(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }

func aligned(p []byte, off int64) bool {
	return len(p)%Alignment == 0 && off%Alignment == 0 && address(p)%Alignment == 0
}
