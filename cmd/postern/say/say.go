// Package say puts errors into one sentence each that names a remedy, and counts into words.
package say

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"postern/remote"
	"postern/vfs"
)

// UsageError is a command used wrongly.
type UsageError struct{ error }

// Unwrap returns the error that Usage was given.
func (e *UsageError) Unwrap() error { return e.error }

// Usage marks err as a UsageError.
func Usage(err error) error { return &UsageError{err} }

// Usagef returns a UsageError with a formatted text.
func Usagef(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// advised is an error whose sentence says already what to do.
type advised struct{ error }

func (e *advised) Unwrap() error { return e.error }

// Advised marks an error whose text names a remedy, so that Sentence adds none.
func Advised(err error) error { return &advised{err} }

// Advisef returns an error with a formatted text that names a remedy, so that Sentence adds none.
func Advisef(format string, args ...any) error { return &advised{fmt.Errorf(format, args...)} }

// told is an error whose text a running gateway has already made.
type told struct{ sentence, whole string }

func (e *told) Error() string { return e.sentence }

// Told returns an error that Sentence renders as sentence and Whole as whole. An empty whole stands for the sentence.
func Told(sentence, whole string) error {
	if whole == "" {
		whole = sentence
	}
	return &told{sentence, whole}
}

// advice is what to do about each kind of failure that layers below can't know the remedy of. The first that fits
// counts.
var advice = []struct {
	kind error
	text string
}{

	{remote.ErrRollback, "restore the remote from its newest copy, or ask who keeps it; nothing here was changed"},
	{remote.ErrFork, "restore the remote from its newest copy, or ask who keeps it; nothing here was changed"},
	{remote.ErrCorrupt, "restore the remote from its newest copy, or ask who keeps it; nothing here was changed"},
	{vfs.ErrCorrupt, "restore the remote from its newest copy, or ask who keeps it; nothing here was changed"},
	{remote.ErrFull, "make room there and try again"},
	{vfs.ErrFull, "make room and try again"},
	{syscall.ENOSPC, "make room on that disk and try again"},
	{remote.ErrUnavailable, "see that it can be reached and try again"},
	{vfs.ErrUnavailable, "see that it can be reached and try again"},
	{syscall.ENOTDIR, "name a folder"},
	{syscall.EACCES, "give yourself the right to read and write it, or choose another place"},
}

// Interrupted reports whether err only follows from the user ending the command. The words of err are then of no use.
func Interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}

// longID matches an id of a blob or pointer, whose first digits suffice to identify it.
var longID = regexp.MustCompile(`\b([0-9a-f]{8})[0-9a-f]{56}\b`)

// brief shortens a chain of causes to what failed, how, and the first cause.
func brief(text string) string {
	if parts := strings.Split(text, ": "); len(parts) > 3 {
		text = strings.Join([]string{parts[0], parts[1], parts[len(parts)-1]}, ": ")
	}
	return text
}

// Sentence returns an error as one line that says what failed, on what, with one cause, and what to do.
func Sentence(err error) string {
	text := oneLine(err.Error())
	if remedy := remedyOf(err); remedy != "" {
		text = brief(text) + ": " + remedy
	}
	return longID.ReplaceAllString(text, "$1…")
}

// Whole is Sentence with all causes and whole ids.
func Whole(err error) string {
	text := oneLine(err.Error())
	if t, ok := errors.AsType[*told](err); ok {
		return strings.Replace(text, oneLine(t.sentence), oneLine(t.whole), 1)
	}
	if remedy := remedyOf(err); remedy != "" {
		text += ": " + remedy
	}
	return text
}

// oneLine returns a text without line breaks, since some libraries speak in several lines, and without what a
// terminal would obey.
func oneLine(text string) string { return Printable(strings.Join(strings.Fields(text), " ")) }

// remedyOf returns what to do about an error, or nothing where its text says so itself or nothing is known.
func remedyOf(err error) string {
	var said *advised
	var usage *UsageError
	if errors.As(err, &said) || errors.As(err, &usage) {
		return ""
	}
	for _, a := range advice {
		if errors.Is(err, a.kind) {
			return a.text
		}
	}
	return ""
}

// IfElse returns then if cond holds, else otherwise.
func IfElse(cond bool, then, otherwise string) string {
	if cond {
		return then
	}
	return otherwise
}

// Plural returns a count with its noun, such as "1 blob" or "2 blobs".
func Plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Thousands returns a count with a comma before each three digits.
func Thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Closing calls closer and returns err, or closer's error if err is nil.
func Closing(err error, closer func() error) error {
	if closed := closer(); err == nil {
		return closed
	}
	return err // the first failure is the cause of the second
}
