//go:build !race

package vfstest

// UnderRace reports whether the race detector is on, which makes everything ten times as slow: long tests then do only
// a part.
const UnderRace = false
