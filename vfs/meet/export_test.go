package meet

// WithoutStamps has the desk accept and write letters without stamps, so that a test can have a thousand.
func (d *Desk) WithoutStamps() *Desk {
	d.o.Unstamped = true
	return d
}

// Refused returns the sum of all counts of refused letters.
func (r Report) Refused() int {
	return r.Unstamped + r.Gone + r.Damaged + r.Unreadable + r.Malformed + r.Forged + r.Strangers + r.Stale + r.Early +
		r.Repeated + r.Blocked + r.Dummies
}

// Reserved are the names that nobody can claim.
var Reserved = reserved
