package lock

import (
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/webdav"
	"pgregory.net/rapid"
)

// naive finds by a scan, following the words of the RFC, the locks that the index finds by lookup.
func naive(all []Lock, path string) (covering, below []string) {
	for _, l := range all {
		switch under := strings.HasPrefix(path, strings.TrimSuffix(l.Root, "/")+"/") && path != l.Root; {
		case l.Root == path, under && !l.ZeroDepth:
			covering = append(covering, l.Token)
		}
		if l.Root != path && strings.HasPrefix(l.Root, strings.TrimSuffix(path, "/")+"/") {
			below = append(below, l.Token)
		}
	}
	slices.Sort(covering)
	slices.Sort(below)
	return covering, below
}

func tokensOf(locks []Lock) (tokens []string) {
	for _, l := range locks {
		tokens = append(tokens, l.Token)
	}
	slices.Sort(tokens)
	return tokens
}

// TestManagerAgainstWords runs random operations: the index must find what a scan finds, no two locks may exclude each
// other, and a user without a token may change exactly the paths that no lock covers.
func TestManagerAgainstWords(t *testing.T) {
	paths := rapid.SampledFrom([]string{"/", "/a", "/ab", "/a/b", "/a/c", "/a/b/c", "/a/b/c/d", "/x/y"})
	rapid.Check(t, func(rt *rapid.T) {
		c := &clock{time.Unix(0, 0)}
		m, err := New(Options{Clock: c.time})
		if err != nil {
			rt.Fatal(err)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"create": func(rt *rapid.T) {
				want := Lock{
					LockDetails: webdav.LockDetails{
						Root: paths.Draw(rt, "root"), ZeroDepth: rapid.Bool().Draw(rt, "flat"),
						Duration: time.Duration(rapid.IntRange(1, 20).Draw(rt, "seconds")) * time.Second,
					},
					Shared: rapid.Bool().Draw(rt, "shared"),
				}
				_, _ = m.Create(t.Context(), want)
			},
			"unlock": func(rt *rapid.T) {
				if all := m.All(); len(all) > 0 {
					l := rapid.SampledFrom(all).Draw(rt, "lock")
					if err := m.Unlock(t.Context(), l.Token, l.Root, ""); err != nil {
						rt.Fatal(err)
					}
				}
			},
			"drop":    func(rt *rapid.T) { _ = m.Drop(t.Context(), paths.Draw(rt, "path"), rapid.Bool().Draw(rt, "keep")) },
			"forward": func(rt *rapid.T) { c.forward(time.Duration(rapid.IntRange(0, 5).Draw(rt, "seconds")) * time.Second) },
			"": func(rt *rapid.T) {
				all := m.All()
				for i, a := range all {
					if !c.now.Before(a.Expires) {
						rt.Fatalf("%s has expired", a.Root)
					}
					for _, b := range all[i+1:] {
						if !(a.Shared && b.Shared) && (a.covers(Key(b.Root)) || b.covers(Key(a.Root))) {
							rt.Fatalf("%+v and %+v exclude each other", a, b)
						}
					}
				}
				for _, p := range []string{"/", "/a", "/ab", "/a/b", "/a/b/c", "/x", "/x/y/z"} {
					covering, below := naive(all, p)
					if got := tokensOf(m.Covering(p)); !slices.Equal(got, covering) {
						rt.Fatalf("%s is covered by %v, want %v", p, got, covering)
					}
					if free := m.Check(Submitted{}, Touch{Path: p}) == nil; free != (len(covering) == 0) {
						rt.Fatalf("%s may be touched: %v", p, free)
					}
					if free := m.Check(Submitted{}, Touch{Path: p, Deep: true}) == nil; free != (len(covering)+len(below) == 0) {
						rt.Fatalf("%s may be touched with all beneath: %v", p, free)
					}
					if err := m.Check(Submitted{Tokens: append(covering, below...)}, Touch{Path: p, Deep: true}); err != nil {
						rt.Fatalf("%s with all tokens: %v", p, err)
					}
				}
			},
		})
	})
}

// BenchmarkCovering measures the cost per file of a listing with lockdiscovery.
func BenchmarkCovering(b *testing.B) {
	m, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	for _, root := range []string{"/files/a", "/files/b", "/files/c"} {
		if _, err := m.Create(b.Context(), exclusive(root)); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		m.Covering("/files/folder/another/document.txt")
	}
}
