package lock

import "context"

// Check, Covering, Covers and All call a manager, which ignores the context.

func (m *Manager) Check(s Submitted, touches ...Touch) error {
	_, err := m.Confirm(context.Background(), s, touches...)
	return err
}

func (m *Manager) Covering(path string) []Lock { return m.view(path, false).Covering(path) }

func (m *Manager) Covers(token, path string) bool { return m.view(path, false).Covers(token, path) }

func (m *Manager) All() []Lock { return m.view("/", true).All() }

func (m *Manager) view(path string, deep bool) View {
	v, _ := m.View(context.Background(), path, deep)
	return v
}

func (m *Manager) hold(touches ...Touch) (release func()) {
	release, _ = m.Hold(context.Background(), touches...)
	return release
}
