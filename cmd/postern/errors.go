package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"postern/remote"
	"postern/vfs"
)

// usageError is a command used wrongly.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// advised is an error whose sentence says already what to do.
type advised struct{ error }

func (e *advised) Unwrap() error { return e.error }

func advisef(format string, args ...any) error { return &advised{fmt.Errorf(format, args...)} }

// advice is what to do about each kind of failure that layers below can't know the remedy of. The first that fits counts.
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

// interrupted tells whether an error comes of nothing but that the user ended the command. What has failed on the way says so in words of its
// own, which are of no use then.
func interrupted(ctx context.Context, err error) bool {
	return ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))
}

// sentence is an error as one line that says what failed, on what, and what to do.
func sentence(err error) string {
	text := strings.Join(strings.Fields(err.Error()), " ") // some libraries speak in several lines
	var said *advised
	var usage *usageError
	if errors.As(err, &said) || errors.As(err, &usage) {
		return text
	}
	for _, a := range advice {
		if errors.Is(err, a.kind) {
			return text + ": " + a.text
		}
	}
	return text
}
