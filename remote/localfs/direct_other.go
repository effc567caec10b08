//go:build !linux

package localfs

// CreateDirect is Create: other systems have no flag for it that every filesystem takes well.
func (o OS) CreateDirect(path string) (File, error) { return o.Create(path) }
