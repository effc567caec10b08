package people

import (
	"cmp"
	"maps"
	"slices"

	"postern/vfs/meet"
)

// Status is how an account's people are doing.
type Status struct {
	Friends int `json:"friends"`
	Asking  int `json:"asking"` // requests that wait for an answer of this account
	Asked   int `json:"asked"`  // requests of this account that wait for an answer
	Shares  int `json:"shares"` // of this account
	Links   int `json:"links"`  // of this account
	// Unreachable names the friends whose folders could not be read at the last try.
	Unreachable []string `json:"unreachable,omitempty"`

	Letters int `json:"letters"` // taken since the start
	Refused int `json:"refused"` // letters refused since the start: forged, malformed, stale, blocked and the like
	Waiting int `json:"waiting"` // letters left for later at the last look, since too many came

	Rounds   int    `json:"rounds"` // of the reconciler since the start
	Failures int    `json:"failures"`
	Trouble  string `json:"trouble,omitempty"` // of the last round
}

// Status returns how the account's people are doing. It makes no request.
func (p *People) Status() Status {
	private := p.o.Own.Private()
	p.mu.Lock()
	s := p.counts
	s.Waiting = p.report.Waiting
	if p.trouble != nil {
		s.Trouble = p.trouble.Error()
	}
	mounted := maps.Clone(p.mounted)
	p.mu.Unlock()
	for _, f := range persons(private) {
		switch f.State {
		case IsFriend:
			s.Friends++
		case Asks:
			s.Asking++
		case Asked:
			s.Asked++
		}
	}
	for name, f := range mounted {
		if f.offers.Trouble() != nil {
			s.Unreachable = append(s.Unreachable, name)
		}
	}
	slices.SortFunc(s.Unreachable, cmp.Compare)
	s.Shares, s.Links = len(p.mine()), len(p.Links())
	return s
}

// refused returns how many letters a look has refused.
func refused(r meet.Report) int {
	return r.Unstamped + r.Damaged + r.Unreadable + r.Malformed + r.Forged + r.Strangers + r.Stale + r.Early + r.Repeated +
		r.Blocked
}
