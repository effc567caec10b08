package people

// Summary is what an account shares, as its records have it.
type Summary struct {
	Called string            // the name that the account goes by
	Names  map[string]string // the names by which friends call themselves, by their folders below /shared
	Mine   []Share
	Links  []Link
}

// Summary returns what this account shares. It makes no request.
func (p *People) Summary() Summary {
	s := Summary{Called: p.called(), Names: map[string]string{}, Mine: p.mine(), Links: p.Links()}
	for _, f := range persons(p.o.Own.Private()) {
		if f.State == IsFriend {
			s.Names[f.Name] = f.Called
		}
	}
	return s
}
