package people_test

import (
	"math"
	"math/rand/v2"
	"slices"
)

// sample is what a store has counted about two accounts, and whether they are friends.
type sample struct {
	counts  map[string]float64
	friends bool
}

// guesser is a logistic regression on counts.
type guesser struct {
	weights map[string]float64
	bias    float64
}

// learn trains a guesser. Friends and strangers weigh the same together.
func learn(samples []sample, random *rand.Rand) *guesser {
	g := &guesser{weights: map[string]float64{}}
	share := 0.0
	for _, s := range samples {
		if s.friends {
			share += 1 / float64(len(samples))
		}
	}
	samples = slices.Clone(samples)
	const rounds, decay = 30, 1e-3
	for round := range rounds {
		random.Shuffle(len(samples), func(i, j int) { samples[i], samples[j] = samples[j], samples[i] })
		rate := 0.1 / (1 + float64(round)/5)
		for _, s := range samples {
			off := -1 / (1 + math.Exp(-g.score(s))) / (1 - share)
			if s.friends {
				off = 1 / (1 + math.Exp(g.score(s))) / share
			}
			g.bias += rate * off
			for f, n := range s.counts {
				g.weights[f] += rate * (off*math.Log1p(n) - decay*g.weights[f])
			}
		}
	}
	return g
}

// score is greater for what looks like friends.
func (g *guesser) score(s sample) float64 {
	sum := g.bias
	for f, n := range s.counts {
		sum += g.weights[f] * math.Log1p(n)
	}
	return sum
}

// auc returns the probability that friends get a greater score than strangers: 0.5 is chance, 1 is certainty. spread is
// its standard deviation if it is chance.
func (g *guesser) auc(samples []sample) (auc, spread float64) {
	var friends, strangers []float64
	for _, s := range samples {
		if s.friends {
			friends = append(friends, g.score(s))
		} else {
			strangers = append(strangers, g.score(s))
		}
	}
	for _, f := range friends {
		for _, s := range strangers {
			switch {
			case f > s:
				auc++
			case f == s:
				auc += 0.5
			}
		}
	}
	m, n := float64(len(friends)), float64(len(strangers))
	return auc / (m * n), math.Sqrt((m + n + 1) / (12 * m * n))
}
