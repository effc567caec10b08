// Package vfstest is the contract of package vfs as code, and a drive in memory that keeps it.
//
// Run proves any vfs.FS, decorators included, in ten lines; Compare drives random operations on a drive and on the
// Model side by side, restarts included, and wants the same results, the same kinds of errors and the same trees.
package vfstest
