package remote

import "slices"

// OfKind reports whether err is of one of some kinds, as KindOf returns them: the kind of its cause does not count. nil
// among the kinds stands for no error, and for an error of no kind.
func OfKind(err error, kinds ...error) bool { return slices.Contains(kinds, KindOf(err)) }
