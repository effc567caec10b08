package meet_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"postern/crypto"
)

// features are what a store may look at in a letter: each byte.
func features(l crypto.Letter) []float64 {
	f := make([]float64, len(l))
	for i, b := range l {
		f[i] = float64(b)
	}
	return f
}

// auc trains a classifier on one half of two classes and returns how well it tells apart the other half: 0.5 is chance.
func auc(a, b [][]float64) float64 {
	mean := func(of [][]float64) []float64 {
		m := make([]float64, len(of[0]))
		for _, f := range of {
			for i := range f {
				m[i] += f[i] / float64(len(of))
			}
		}
		return m
	}
	meanA, meanB := mean(a[:len(a)/2]), mean(b[:len(b)/2])
	score := func(f []float64) (s float64) {
		for i := range f {
			s += (f[i] - (meanA[i]+meanB[i])/2) * (meanA[i] - meanB[i])
		}
		return s
	}
	var scores []float64
	for _, y := range b[len(b)/2:] {
		scores = append(scores, score(y))
	}
	won, pairs := 0.0, 0.0
	for _, x := range a[len(a)/2:] {
		sx := score(x)
		for _, sy := range scores {
			pairs++
			switch {
			case sx > sy:
				won++
			case sx == sy:
				won += 0.5
			}
		}
	}
	return won / pairs
}

// Nothing outside the seal depends on the sender or on what a letter is for. All letters have one size by their type.
func TestLettersLookAlike(t *testing.T) {
	c := newClock()
	people := cheaply(c, newCheap(), "alice", "bob", "carol")
	to := people[0].card()
	letters := func(from person, kind crypto.MessageKind, n int) (all [][]float64) {
		for range n {
			id := crypto.MessageID{}
			if kind == crypto.Reply {
				id = crypto.MessageID{1}
			}
			l, err := from.SealMessage(to, from.message(t, kind, id))
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, features(l))
		}
		return all
	}
	const n = 300 // of each: the AUC of two equal classes has a standard deviation of 0.033
	bob := letters(people[1], crypto.Request, n)
	for what, other := range map[string][][]float64{
		"another sender": letters(people[2], crypto.Request, n),
		"a reply":        letters(people[1], crypto.Reply, n),
		"a dummy":        letters(people[1], crypto.Dummy, n),
	} {
		if got := auc(bob, other); got < 0.3 || got > 0.7 {
			t.Errorf("%s is told apart with an AUC of %.2f", what, got)
		}
	}
	// The classifier finds one bit that leaks.
	leaky := slices.Clone(bob)
	random := rand.New(rand.NewPCG(1, 2))
	for i, f := range leaky {
		leaky[i] = slices.Clone(f)
		leaky[i][random.IntN(3)+4088] = 255
	}
	if got := auc(bob, leaky); got < 0.9 {
		t.Errorf("a planted leak is found with an AUC of %.2f only", got)
	}
}
