package verify_test

import (
	"testing"

	"postern/remote"
	"postern/remote/mem"
	"postern/remote/remotetest"
	"postern/remote/verify"
)

func TestContract(t *testing.T) {
	remotetest.RunHandles(t, func(*testing.T) func() (remote.Store, error) {
		s := mem.New()
		return func() (remote.Store, error) {
			return verify.New(s.Another(), new(verify.MemoryPins)), nil
		}
	})
}

// TestContractOfOneHandle runs the same with all goroutines on one handle, and so on one set of pins.
func TestContractOfOneHandle(t *testing.T) {
	remotetest.Run(t, func(*testing.T) remote.Store { return verify.New(mem.New(), new(verify.MemoryPins)) })
}
