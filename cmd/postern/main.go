// Command postern serves an end-to-end-encrypted filesystem as a WebDAV drive on the user's own machine.
//
// This package only puts the families of commands together. Each family is a package below command; the logic that
// they share lies beside it, in packages that know neither flags nor a terminal.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"syscall"

	"postern/cmd/postern/command"
	"postern/cmd/postern/command/account"
	"postern/cmd/postern/command/drive"
	"postern/cmd/postern/command/mount"
	"postern/cmd/postern/command/people"
	"postern/cmd/postern/command/storage"
	"postern/cmd/postern/command/upkeep"
)

// families are all commands. A new family is a folder below command and a line here.
var families = []command.Family{
	account.Commands,
	drive.Commands,
	upkeep.Commands,
	storage.Commands,
	mount.Commands,
	people.Commands,
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a graceful end. It also restores the system's handling of signals, so that a second one
	// kills the process.
	context.AfterFunc(ctx, stop)
	p := &command.Program{
		Terminal: command.Terminal{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}, Getenv: os.Getenv, Rand: rand.Reader,
	}
	os.Exit(p.Run(ctx, os.Args[1:], families))
}
