package home

import (
	"bytes"
	"encoding"
	"errors"
	"fmt"
	"io/fs"
	"reflect"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// Settings are what a user may choose. Empty and zero values mean "not chosen here".
type Settings struct {
	Addr    string          `toml:"addr"` // host:port the drive is served at
	Remote  RemoteSettings  `toml:"remote"`
	Sync    string          `toml:"sync"`  // "back" or "through"
	Log     string          `toml:"log"`   // "error", "warn", "info", "debug"
	Hosts   []string        `toml:"hosts"` // further names under which the drive may be reached
	MDNS    string          `toml:"mdns"`  // "on": announced on the local network; "off"
	TLS     TLSSettings     `toml:"tls"`
	Staging StagingSettings `toml:"staging"`
	Cache   CacheSettings   `toml:"cache"`
	Device  DeviceSettings  `toml:"device"`
	History HistorySettings `toml:"history"`
	GC      GCSettings      `toml:"gc"`
	Links   LinkSettings    `toml:"links"`
	Privacy PrivacySettings `toml:"privacy"`
}

// PrivacySettings say what is done so that a remote that tells its clients apart learns less.
type PrivacySettings struct {
	Cover string `toml:"cover"` // "on": the small blobs of all accounts are fetched; "off"
}

// LinkSettings say whether and where the page is served that opens secret links in a browser.
type LinkSettings struct {
	Addr string `toml:"addr"` // host:port it is served at; empty: it is not
	URL  string `toml:"url"`  // of the server, as others reach it: links lead there; empty: they lead to no page
}

// RemoteSettings name the remote and bound its use of the network. In config.toml they are a section, or only the URL:
// remote = "URL".
type RemoteSettings struct {
	URL      string `toml:"url"`
	Upload   Rates  `toml:"upload"`
	Download Rates  `toml:"download"`
}

// UnmarshalText makes the URL alone a value.
func (r *RemoteSettings) UnmarshalText(text []byte) error {
	r.URL = string(text)
	return nil
}

// TLSSettings say how connections are secured. Without a certificate of one's own, the home's authority makes one.
type TLSSettings struct {
	Mode string `toml:"mode"` // "on" or "off"
	Cert string `toml:"cert"` // path of a certificate chain in PEM
	Key  string `toml:"key"`  // path of its private key in PEM
}

// StagingSettings bound what waits for the remote.
type StagingSettings struct {
	Limit    Size `toml:"limit"`
	Patience Span `toml:"patience"` // how long a write waits for room before it is refused
}

// HistorySettings say for how long all states of the drive are kept, then one an hour, then one a day; after that, one
// a month.
type HistorySettings struct {
	All    Span `toml:"all"`
	Hourly Span `toml:"hourly"`
	Daily  Span `toml:"daily"`
}

// GCSettings say how unneeded blobs are deleted.
type GCSettings struct {
	Auto  string `toml:"auto"`  // "on": a gateway collects by itself when that is worth it; "off"
	Grace Span   `toml:"grace"` // how long they stay
}

// CacheSettings bound the cache. Zero means "not chosen"; "off" turns a tier off.
type CacheSettings struct {
	Memory Size `toml:"memory"`
	Disk   Size `toml:"disk"`
}

// DeviceSettings name this machine in the drive.
type DeviceSettings struct {
	Name string `toml:"name"`
}

// ReadConfig reads config.toml strictly; a missing file chooses nothing. Errors name file, line and key.
func (h Home) ReadConfig() (Settings, error) {
	text, err := readFile(h.Config())
	if errors.Is(err, fs.ErrNotExist) {
		return Settings{}, nil
	}
	if err != nil {
		return Settings{}, fmt.Errorf("can't read %s: %w", h.Config(), cause(err))
	}
	var s Settings
	for _, into := range []any{reflect.New(quoted(reflect.TypeFor[Settings]())).Interface(), &s} {
		dec := toml.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(into); err != nil {
			return Settings{}, fmt.Errorf("%s, %w: mend or remove that line", h.Config(), plainTOML(err))
		}
	}
	if err := s.Check(); err != nil {
		return Settings{}, fmt.Errorf("%s: %w", h.Config(), err)
	}
	return s, nil
}

// quoted is the type of settings with text in place of every Span: go-toml would take a bare 7 for seven nanoseconds
// without calling Span.
func quoted(t reflect.Type) reflect.Type {
	switch {
	case t == reflect.TypeFor[Span]():
		return reflect.TypeFor[string]()
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
		return t
	case t.Kind() == reflect.Struct:
		fields := reflect.VisibleFields(t)
		for i := range fields {
			fields[i].Type = quoted(fields[i].Type)
		}
		return reflect.StructOf(fields)
	}
	return t
}

// plainTOML puts an error of go-toml, which has several lines, into one: "line 3, key sink: …".
func plainTOML(err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		e := strict.Errors[0]
		row, _ := e.Position()
		return fmt.Errorf("line %d: there is no setting %q", row, strings.Join(e.Key(), "."))
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		row, column := decode.Position()
		what := wanted(strings.TrimPrefix(decode.Error(), "toml: "))
		if key := decode.Key(); len(key) > 0 {
			return fmt.Errorf("line %d, %q: %s", row, strings.Join(key, "."), what)
		}
		return fmt.Errorf("line %d, column %d: %s", row, column, what)
	}
	return errors.New(strings.TrimPrefix(err.Error(), "toml: "))
}

// wanted says of a value of the wrong type what is to stand there, where go-toml names the types of this program.
func wanted(what string) string {
	if strings.HasSuffix(what, " should be a table, not a value") {
		return "a value stands above for it: write that as url in this section"
	}
	if !strings.HasPrefix(what, "cannot decode TOML ") {
		return what
	}
	_, kind, _ := strings.Cut(what, " of type ")
	switch {
	case kind == "[]string":
		return `a list in brackets is wanted, such as ["one", "two"]`
	case strings.HasPrefix(kind, "struct "):
		return "this is the name of a section, and stands in brackets in a line of its own"
	}
	return "a value in quotes is wanted"
}
