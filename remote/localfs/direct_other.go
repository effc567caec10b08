//go:build !linux

package localfs

// CreateDirect is Create: other systems have no flag that works on every filesystem.
func (o OS) CreateDirect(path string) (File, error) { return o.Create(path) }
