package s3_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"postern/remote"
	"postern/remote/s3"
)

const (
	versioned = `<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>`
	noRules   = `<Error><Code>NoSuchLifecycleConfiguration</Code></Error>`
)

// rules is a lifecycle configuration of one rule.
func rules(prefix, what string) string {
	return "<LifecycleConfiguration><Rule><ID>tidy</ID><Status>Enabled</Status><Filter><Prefix>" + prefix +
		"</Prefix></Filter>" + what + "</Rule></LifecycleConfiguration>"
}

// TestFindings: settings of a bucket that keep what was deleted, or remove what is needed, are found when it is opened,
// where the keys allow to read them.
func TestFindings(t *testing.T) {
	const (
		expires = `<Expiration><Days>30</Days></Expiration>`
		archive = `<Transition><Days>30</Days><StorageClass>GLACIER</StorageClass></Transition>`
		old     = `<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`
		denied  = `<Error><Code>AccessDenied</Code></Error>`
	)
	for what, c := range map[string]struct {
		versioning, lifecycle string
		want                  []string // a part of each finding
	}{
		"nothing":                  {"<VersioningConfiguration/>", noRules, nil},
		"no rights":                {denied, denied, nil},
		"versions":                 {versioned, noRules, []string{`"Prefix":"PLACE/"`}},
		"versions that expire":     {versioned, rules("", old), nil},
		"others' versions expire":  {versioned, rules("logs/", old), []string{"old versions"}},
		"files that expire":        {"<VersioningConfiguration/>", rules("PLACE", expires), []string{`"tidy"`}},
		"files of others expire":   {"<VersioningConfiguration/>", rules("logs/", expires), nil},
		"blobs that are archived":  {"<VersioningConfiguration/>", rules("PLACE/blobs/", archive), []string{"archive"}},
		"an archive, and versions": {versioned, rules("", archive), []string{"archive", "old versions"}},
	} {
		front, place := fakeBehind(t)
		front.Set(func(w http.ResponseWriter, r *http.Request) bool {
			body := ""
			switch query := r.URL.Query(); {
			case query.Has("versioning"):
				body = c.versioning
			case query.Has("lifecycle"):
				body = c.lifecycle
			default:
				return false
			}
			if strings.Contains(body, "<Error>") {
				w.WriteHeader(http.StatusNotFound)
			}
			_, _ = io.WriteString(w, strings.ReplaceAll(body, "PLACE", place.Prefix))
			return true
		})
		s, err := s3.Open(t.Context(), place, s3.Options{})
		if err != nil {
			t.Fatal(err)
		}
		found := s.Findings()
		if len(found) != len(c.want) {
			t.Errorf("%s: %q", what, found)
		}
		for i := range min(len(found), len(c.want)) {
			if want := strings.ReplaceAll(c.want[i], "PLACE", place.Prefix); !strings.Contains(found[i], want) {
				t.Errorf("%s: %q does not say %q", what, found[i], want)
			}
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestMissingRight: a right that the keys lack is named when the store is opened.
func TestMissingRight(t *testing.T) {
	for right, denied := range map[string]func(*http.Request) bool{
		"s3:ListBucket": func(r *http.Request) bool { return r.URL.Query().Has("list-type") },
		"s3:GetObject": func(r *http.Request) bool {
			return r.Method == http.MethodGet && !r.URL.Query().Has("list-type")
		},
		"s3:PutObject":    func(r *http.Request) bool { return r.Method == http.MethodPut },
		"s3:DeleteObject": func(r *http.Request) bool { return r.Method == http.MethodDelete },
	} {
		front, place := fakeBehind(t)
		front.Set(func(w http.ResponseWriter, r *http.Request) bool {
			if !denied(r) {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>AccessDenied</Code></Error>")
			return true
		})
		_, err := s3.Open(t.Context(), place, s3.Options{})
		if remote.KindOf(err) != remote.ErrRefused || !strings.Contains(err.Error(), right) {
			t.Errorf("without %s: %v", right, err)
		}
	}
}
