package system

import "golang.org/x/sys/windows"

// admin tells whether the process is elevated.
func admin() bool { return windows.GetCurrentProcessToken().IsElevated() }
