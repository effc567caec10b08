//go:build !windows

package system

import "os"

// admin reports whether the process is root's.
func admin() bool { return os.Geteuid() == 0 }
