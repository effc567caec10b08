//go:build race

package alloctest

// inflation is how much more may be allocated under the race detector, with which pools forget what they hold at random.
const inflation = 8
