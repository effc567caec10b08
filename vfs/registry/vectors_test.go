package registry_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/registry"
)

var update = flag.Bool("update", false, "write the vectors anew; only before the format is in use")

// vector is two states of one record, and their join, as the entries of their files in hex.
type vector struct {
	Name  string    `json:"name"`
	Kind  string    `json:"kind"`
	ID    string    `json:"id"` // hex
	Sets  [2][]set  `json:"sets"`
	Files [2]string `json:"files"`
	Join  string    `json:"join"`
}

// set is a change of one field.
type set struct {
	Field string `json:"field"`
	Value string `json:"value"` // hex
}

func vectors() []vector {
	h := func(s string) string { return hex.EncodeToString([]byte(s)) }
	return []vector{
		{Name: "the greater counter wins", Kind: "friend", ID: h("bob"),
			Sets: [2][]set{{{"name", h("Bob")}, {"name", h("Bobby")}}, {{"name", h("Robert")}, {"key", h("\x00\xff")}}}},
		{Name: "of equal counters the greater value wins", Kind: "share", ID: h("\x00/\xff"),
			Sets: [2][]set{{{"right", h("read")}}, {{"right", h("write")}}}},
		{Name: "a stage only grows", Kind: "space", ID: h("s"),
			Sets: [2][]set{{{"stage", h("1making")}, {"stage", h("2live")}}, {{"stage", h("5gone")}}}},
		{Name: "a record of a later program, without fields and with an empty one", Kind: "later2", ID: h("x"),
			Sets: [2][]set{{}, {{"y.z_1-A", ""}}}},
	}
}

// TestVectors checks that records are stored and joined as the committed vectors say.
func TestVectors(t *testing.T) {
	const path = "testdata/vectors.json"
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	file := func(s registry.State) string {
		folder, err := s.Tree(t.Context(), empty(), registry.State{})
		if err != nil {
			t.Fatal(err)
		}
		for e := range folder.List(t.Context(), "/") {
			o, _ := e.Object()
			return hex.EncodeToString(object.AppendEntry(nil, &o, crypto.BlobName{}))
		}
		return ""
	}
	all := vectors()
	if !*update {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all = nil
		if err := json.Unmarshal(b, &all); err != nil {
			t.Fatal(err)
		}
	}
	for i, v := range all {
		var states [2]registry.State
		var got vector
		for j, sets := range v.Sets {
			n := registry.Note{Kind: registry.Kind(v.Kind), ID: string(unhex(v.ID))}
			states[j] = states[j].With(n)
			for _, s := range sets {
				n.Set = map[string][]byte{s.Field: unhex(s.Value)}
				states[j] = states[j].With(n)
			}
			got.Files[j] = file(states[j])
		}
		got.Join = file(registry.Join(states[0], states[1]))
		if *update {
			all[i].Files, all[i].Join = got.Files, got.Join
		} else if got.Files != v.Files || got.Join != v.Join {
			t.Errorf("%s: files %q, join %s", v.Name, got.Files, got.Join)
		}
	}
	if !*update {
		return
	}
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
