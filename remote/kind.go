package remote

import "slices"

// OfKind reports whether err is of one of some kinds, as KindOf has it: what it is itself counts, not what caused it. nil
// among them stands for no error, and for one of no kind.
func OfKind(err error, kinds ...error) bool { return slices.Contains(kinds, KindOf(err)) }
