package vfstest_test

import (
	"testing"

	"postern/vfs"
	"postern/vfs/vfstest"
)

func TestModelKeepsTheContract(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) vfs.FS { return vfstest.NewModel(vfstest.ModelOptions{}) })
}

func TestModelComparesWithItself(t *testing.T) {
	vfstest.Compare(t, func(t *testing.T) vfstest.Subject {
		m := vfstest.NewModel(vfstest.ModelOptions{})
		return vfstest.Subject{FS: m, Reopen: func() (vfs.FS, error) { return m, nil }}
	})
}
