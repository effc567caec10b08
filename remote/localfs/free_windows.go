package localfs

import "golang.org/x/sys/windows"

// Free is GetDiskFreeSpaceEx's count of what the user may still write.
func (OS) Free(dir string) (int64, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return 0, err
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, nil, nil); err != nil {
		return 0, err
	}
	return int64(free), nil
}
