package metrics

// PeopleState describes friends, shared folders and the letters of strangers.
type PeopleState struct {
	Friends     int
	Asking      int // people who wait for an answer
	Unreachable int // friends whose folders could not be read
	Shares      int
	Links       int
	Letters     int // taken since the start
	Refused     int // letters refused since the start
	Rounds      int // of the reconciler since the start
	Failures    int // rounds that failed
}

// People reports the figures that source returns at each scrape.
func (m *Metrics) People(source func() PeopleState) {
	m.registry.MustRegister(&snapshot[PeopleState]{source: source, lines: []line[PeopleState]{
		gauge("people", "friends", "Friends of the account.",
			func(s PeopleState) float64 { return float64(s.Friends) }),
		gauge("people", "asking", "People who wait for an answer to their request.",
			func(s PeopleState) float64 { return float64(s.Asking) }),
		gauge("people", "unreachable", "Friends whose folders could not be read at the last try.",
			func(s PeopleState) float64 { return float64(s.Unreachable) }),
		gauge("people", "shares", "Files and folders that the account shares.",
			func(s PeopleState) float64 { return float64(s.Shares) }),
		gauge("people", "links", "Secret links of the account.",
			func(s PeopleState) float64 { return float64(s.Links) }),
		count("people", "letters_total", "Letters that were taken.",
			func(s PeopleState) float64 { return float64(s.Letters) }),
		count("people", "letters_refused_total", "Letters that were refused: forged, malformed, stale, blocked and the like.",
			func(s PeopleState) float64 { return float64(s.Refused) }),
		count("people", "rounds_total", "Rounds in which the store was made equal to the account's records.",
			func(s PeopleState) float64 { return float64(s.Rounds) }),
		count("people", "round_failures_total", "Those rounds that failed and will be repeated.",
			func(s PeopleState) float64 { return float64(s.Failures) }),
	}})
}
