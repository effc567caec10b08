package mount

import (
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// netResource is NETRESOURCEW of winnetwk.h.
type netResource struct {
	scope, kind, display, usage      uint32
	local, remote, comment, provider *uint16
}

const (
	resourceDisk     = 1 // RESOURCETYPE_DISK
	connectTemporary = 4 // CONNECT_TEMPORARY: not again at the next login, when no gateway may run
)

var addConnection = windows.NewLazySystemDLL("mpr.dll").NewProc("WNetAddConnection2W")

// Connect makes the network drive. The password passes in memory.
func Connect(c Connection, user, password string) error {
	var words [4]*uint16
	for i, s := range []string{c.Letter, c.Remote, user, password} {
		word, err := windows.UTF16PtrFromString(s)
		if err != nil {
			return fmt.Errorf("can't mount the drive: %w", err)
		}
		words[i] = word
	}
	if err := addConnection.Find(); err != nil {
		return fmt.Errorf("can't mount the drive: %w", err)
	}
	resource := netResource{kind: resourceDisk, local: words[0], remote: words[1]}
	code, _, _ := addConnection.Call(uintptr(unsafe.Pointer(&resource)), uintptr(unsafe.Pointer(words[3])),
		uintptr(unsafe.Pointer(words[2])), connectTemporary)
	if code == 0 {
		return nil
	}
	return trouble(uint32(code), syscall.Errno(code).Error())
}
