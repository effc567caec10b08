//go:build !race

package alloctest

// inflation is how much more may be allocated under the race detector, which is off.
const inflation = 1
