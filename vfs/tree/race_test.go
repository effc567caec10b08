//go:build race

package tree_test

// underRace tells that the race detector makes everything ten times as slow.
const underRace = true
