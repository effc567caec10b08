//go:build !windows

package mount

import "errors"

// Connect makes a network drive, which only Windows has.
func Connect(Connection, string, string) error {
	return errors.New("only Windows has network drives")
}
