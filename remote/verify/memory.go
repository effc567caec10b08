package verify

import (
	"sync"

	"postern/crypto"
)

// MemoryPins keeps pins for as long as it lives: for tests, and for commands that read once and keep no state. The zero
// value is empty and ready.
type MemoryPins struct {
	mu   sync.Mutex
	pins map[crypto.PointerID]Pin
}

// Load implements Pins. It never fails.
func (m *MemoryPins) Load(id crypto.PointerID) (Pin, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	pin, known := m.pins[id]
	return pin, known, nil
}

// Save implements Pins. It never fails.
func (m *MemoryPins) Save(id crypto.PointerID, pin Pin) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.pins == nil {
		m.pins = map[crypto.PointerID]Pin{}
	}
	m.pins[id] = pin
	return nil
}
