//go:build !windows

package localfs

const dirsCanSync = true

func isFullHere(error) bool { return false }
