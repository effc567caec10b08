//go:build race

package vfstest

// UnderRace tells that the race detector makes everything ten times as slow: a test that goes through much of the same
// looks at a part then.
const UnderRace = true
