//go:build race

package alloctest

// inflation is how much more may be allocated under the race detector, which makes pools drop their contents at random.
const inflation = 8
