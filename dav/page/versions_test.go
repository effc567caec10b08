package page

import (
	"context"
	"fmt"
	"html"
	"iter"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"postern/vfs"
	"postern/vfs/layout"
)

// past is a drive with a history: the size of each path; a negative size is a folder.
type past struct {
	vfs.Reader
	states []string
	at     map[string]int64
	looks  int
	look   func() // at each
	fails  error
}

func (p *past) Stat(_ context.Context, path string) (vfs.Info, error) {
	p.looks++
	if p.look != nil {
		p.look()
	}
	if p.fails != nil {
		return vfs.Info{}, p.fails
	}
	n, ok := p.at[path]
	if !ok {
		return vfs.Info{}, &vfs.Error{Op: "stat", Path: path, Kind: vfs.ErrNotExist}
	}
	name := path[strings.LastIndexByte(path, '/')+1:]
	if n < 0 {
		return vfs.Info{Name: name, Folder: true, Size: -n}, nil
	}
	return vfs.Info{Name: name, Size: n, Version: vfs.Version{byte(n)}}, nil
}

func (p *past) List(context.Context, string) iter.Seq2[vfs.Info, error] {
	return func(yield func(vfs.Info, error) bool) {
		if p.states == nil {
			yield(vfs.Info{}, &vfs.Error{Kind: vfs.ErrNotExist})
			return
		}
		for _, s := range p.states {
			if !yield(vfs.Info{Name: s, Folder: true}, nil) {
				return
			}
		}
	}
}

// was returns a history of a file: its sizes, one for each state; 0 if it did not exist. The last is the present.
func was(path string, sizes ...int64) *past {
	p := &past{at: map[string]int64{}, states: []string{}}
	for i, n := range sizes {
		at := path
		if i < len(sizes)-1 {
			state := fmt.Sprintf("2026-11-20 09.00.%02d", i)
			p.states = append(p.states, state)
			at = layout.InState(state, strings.TrimPrefix(path, layout.Files))
		}
		if n != 0 {
			p.at[at] = n
		}
	}
	return p
}

func get(t *testing.T, p *Pages, fs vfs.Reader, path, query string) (string, error) {
	t.Helper()
	w := httptest.NewRecorder()
	err := p.Versions(w, httptest.NewRequest("GET", "/x?"+query, nil), fs, path)
	return w.Body.String(), err
}

// shown returns the states that have a row on a page.
func shown(body string) (states []string) {
	for part := range strings.SplitSeq(body, ` data-href="/history/2026-11-20%2009.00.`) {
		if !strings.HasPrefix(part, "<!DOCTYPE") {
			state, _, _ := strings.Cut(part, `/`)
			states = append(states, state)
		}
	}
	return states
}

func TestVersions(t *testing.T) {
	for _, tt := range []struct {
		name  string
		sizes []int64
		want  []string
		says  string
	}{
		{"never another", []int64{1, 1, 1}, nil, "for as long as the history goes back"},
		{"one", []int64{1, 2}, []string{"00"}, ""},
		{"the newest state of each", []int64{1, 1, 2, 2, 3}, []string{"03", "01"}, "The newest first"},
		{"back and forth", []int64{1, 2, 1}, []string{"01", "00"}, ""},
		{"new", []int64{0, 0, 1}, nil, ""},
		{"gone for a while", []int64{1, 0, 1}, []string{"00"}, ""},
		{"gone", []int64{1, 2, 0}, []string{"01", "00"}, "not there any more"},
		{"not in the history yet", []int64{1}, nil, "no earlier versions yet"},
		{"folder", []int64{-1, -1, -2}, []string{"01"}, "a folder is told"},
		{"folder that is gone", []int64{-1, 0}, []string{"00"}, "a folder is told"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			body, err := get(t, New(Options{}), was("/files/d/f", tt.sizes...), "/files/d/f", "versions")
			if got := shown(body); err != nil || !slices.Equal(got, tt.want) || !strings.Contains(body, tt.says) {
				t.Errorf("%q, want %q; %v\n%s", got, tt.want, err, body)
			}
			for _, state := range tt.want {
				if !strings.Contains(body, `data-href="/history/2026-11-20%2009.00.`+state+`/d/f`) {
					t.Errorf("no link to %s", state)
				}
			}
			if strings.Count(body, `data-restore="/files/d/f"`) != len(tt.want) {
				t.Error("not all can be restored to where they were")
			}
		})
	}
}

func TestVersionsOfWhatNeverWas(t *testing.T) {
	if _, err := get(t, New(Options{}), was("/files/f", 0, 0), "/files/f", "versions"); err == nil {
		t.Error("there is a page for nothing")
	}
	if body, err := get(t, New(Options{}), &past{at: map[string]int64{"/files/f": 1}}, "/files/f",
		"versions"); err != nil || !strings.Contains(body, "no earlier versions yet") {
		t.Errorf("without a history: %v", err)
	}
	if _, err := get(t, New(Options{}), &past{fails: vfs.ErrUnavailable}, "/files/f", "versions"); err == nil {
		t.Error("a fault is not reported")
	}
}

// TestVersionsAreLookedForInParts: a page reads no more states than its limit, and the next continues where it ended.
func TestVersionsAreLookedForInParts(t *testing.T) {
	sizes := make([]int64, 2*maxLooks+60)
	for i := range sizes {
		sizes[i] = int64(1 + i/50)
	}
	p := was("/files/f", sizes...)
	for i := range p.states { // two digits of seconds are not enough here
		delete(p.at, layout.InState(p.states[i], "/f"))
	}
	for i := range p.states {
		p.states[i] = fmt.Sprintf("2026-11-20 09.00.%04d", i)
		p.at[layout.InState(p.states[i], "/f")] = sizes[i]
	}
	var all []string
	query := "versions"
	for range 4 {
		p.looks = 0
		body, err := get(t, New(Options{}), p, "/files/f", query)
		if err != nil || p.looks > maxLooks+2 {
			t.Fatalf("%d looks, %v", p.looks, err)
		}
		all = append(all, shown(body)...)
		_, link, more := strings.Cut(body, `href="?versions&amp;before=`)
		if !more {
			break
		}
		link, _, _ = strings.Cut(link, `"`)
		query = "versions&before=" + html.UnescapeString(link)
	}
	var want []string
	for i := len(p.states) - 1; i >= 0; i-- {
		if next := i + 1; sizes[i] != sizes[next] {
			want = append(want, fmt.Sprintf("%04d", i))
		}
	}
	if !slices.Equal(all, want) {
		t.Errorf("%q, want %q", all, want)
	}
}

// TestVersionsTakeNoLongerThanTheyMay: if reading states is slow, a page stops early and links to the next.
func TestVersionsTakeNoLongerThanTheyMay(t *testing.T) {
	p := was("/files/f", 1, 2, 3, 4, 5, 6, 7, 8)
	now := time.Unix(0, 0)
	p.look = func() { now = now.Add(maxLookTime / 2) }
	body, err := get(t, New(Options{Clock: func() time.Time { return now }}), p, "/files/f", "versions")
	if err != nil || len(shown(body)) == 0 || p.looks > 5 || !strings.Contains(body, "Look further back") {
		t.Errorf("%d looks, %v\n%s", p.looks, err, body)
	}
}
