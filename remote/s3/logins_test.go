package s3_test

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"postern/crypto"
	"postern/remote"
	"postern/remote/s3"
)

// TestNewLogin: keys that end while the drive is in use fail calls with advice, and calls succeed once another program
// has left new ones in the profile.
func TestNewLogin(t *testing.T) {
	front, place := fakeBehind(t)
	profiles := filepath.Join(t.TempDir(), "credentials")
	login := func(key, token string) {
		t.Helper()
		text := "[work]\naws_access_key_id = " + key + "\naws_secret_access_key = secret\n" +
			"aws_session_token = " + token + "\n"
		if err := os.WriteFile(profiles, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	login("OLD", "token-1")
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_SHARED_CREDENTIALS_FILE": profiles} {
		t.Setenv(name, value)
	}
	place.Profile = "work"
	var valid atomic.Pointer[string]
	accept := func(token string) { valid.Store(&token) }
	accept("token-1")
	guard := func(code string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if r.Header.Get("X-Amz-Security-Token") == *valid.Load() {
				return false
			}
			w.WriteHeader(http.StatusForbidden)
			_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code></Error>")
			return true
		}
	}
	front.Set(guard("ExpiredToken"))
	s := opened(t, place, s3.Options{})
	all := calls(t, s)
	for i, code := range []string{"ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken"} {
		front.Set(guard(code))
		next := "token-" + string(rune('2'+i))
		accept(next)
		for call, do := range all {
			if call == "changed" { // which first returns what it knows
				continue
			}
			err := do(t.Context())
			if remote.KindOf(err) != remote.ErrUnavailable || strings.Contains(err.Error(), "secret_") {
				t.Errorf("%s after %s: %v", call, code, err)
			}
		}
		login("NEW", next)
		if _, err := s.Stat(t.Context(), crypto.BlobName{}); remote.KindOf(err) != remote.ErrNotFound {
			t.Errorf("after a new login, which followed %s: %v", code, err)
		}
		if seen := len(front.Seen()); seen > 3*len(all) {
			t.Errorf("%s: %d requests", code, seen)
		}
	}
}

// TestNoKeys: without any keys, the error says where they are looked for.
func TestNoKeys(t *testing.T) {
	_, place := fakeBehind(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := s3.Open(t.Context(), place, s3.Options{})
	if remote.KindOf(err) != remote.ErrRefused || !strings.Contains(err.Error(), "AWS_ACCESS_KEY_ID") {
		t.Error(err)
	}
	place.Profile = "nobody"
	_, err = s3.Open(t.Context(), place, s3.Options{})
	if remote.KindOf(err) != remote.ErrRefused || !strings.Contains(err.Error(), "nobody") {
		t.Error(err)
	}
}
