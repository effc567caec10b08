package system

import "golang.org/x/sys/windows"

// admin reports whether the process is elevated.
func admin() bool { return windows.GetCurrentProcessToken().IsElevated() }
