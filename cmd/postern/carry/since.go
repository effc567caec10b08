package carry

import (
	"os"
	"slices"
	"time"

	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote/bundle"
	"postern/remote/localfs"
)

// Since returns the state that an export builds on. since is the path of an earlier bundle of the drive, or a time,
// which stands for the newest state that this device exported until then. isFile reports which of the two it is.
func Since(
	h home.Home, account home.Account, since string, now time.Time,
) (base crypto.Pointer, isFile bool, err error) {
	id := account.Secret.Writer().ID()
	if file, err := localfs.OpenRegular(since); err == nil {
		defer func() { _ = file.Close() }() // only read from
		base, err := stateIn(file, since, id)
		return base, true, err
	}
	if _, err := os.Stat(since); err == nil {
		return crypto.Pointer{}, false, say.Advisef("--since %s: %w: name an earlier bundle", since, localfs.ErrNotRegular)
	}
	when, err := parseTime(since, now)
	if err != nil {
		return crypto.Pointer{}, false, err
	}
	base, err = exportedUntil(h, when, id)
	return base, false, err
}

// stateIn returns a drive's state in a bundle.
func stateIn(file *os.File, name string, id crypto.PointerID) (crypto.Pointer, error) {
	reader, err := bundle.NewReader(file)
	if err != nil {
		return crypto.Pointer{}, say.Advisef("--since %s: %w: name an earlier bundle, or leave --since out to export all",
			name, err)
	}
	for _, pointer := range reader.Contents().Pointers {
		if pointer.ID == id {
			return pointer, nil
		}
	}
	return crypto.Pointer{}, say.Advisef("%s is no bundle of this account's drive: name another with --since", name)
}

// exportedUntil returns the newest state that this device exported until a time.
func exportedUntil(h home.Home, when time.Time, id crypto.PointerID) (crypto.Pointer, error) {
	made, err := h.ReadExports()
	if err != nil {
		return crypto.Pointer{}, err
	}
	for _, e := range slices.Backward(made) {
		if e.Time.After(when) {
			continue
		}
		if pointer, err := crypto.ParsePointer(e.Pointer); err == nil && pointer.ID == id && pointer.Verify() == nil {
			return pointer, nil
		}
	}
	return crypto.Pointer{}, say.Advisef("this device made no export until %s: name an earlier bundle with --since, "+
		"or leave --since out to export all", when.Local().Format(time.DateTime))
}

// parseTime parses a time as people write it: a day, a minute or a second, all local, or how long ago it was.
func parseTime(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02 15:04", time.DateTime, time.RFC3339} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	var ago home.Span
	if ago.Set(text) == nil {
		return now.Add(-ago.Duration()), nil
	}
	return time.Time{}, say.Usagef("%q is neither a file nor a time, such as 2026-11-20, \"2026-11-20 09:15\" or 7d", text)
}
