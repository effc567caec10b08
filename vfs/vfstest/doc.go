// Package vfstest is the contract of package vfs as code, and a drive in memory that keeps it.
//
// Run tests any vfs.FS, decorators included, in ten lines; Compare runs random operations on a drive and on the Model
// side by side, restarts included, and requires the same results, the same kinds of errors and the same trees.
package vfstest
