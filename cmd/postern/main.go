// Command postern serves an end-to-end-encrypted filesystem as a WebDAV drive on the user's own machine.
//
// This package wires all others and is imported by none: wire.go builds the drive, drivers.go lists the remotes, and each
// command has a file of its name. Flags and environment are read here and nowhere below.
package main

import (
	"context"
	"crypto/rand"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks for a graceful end; from then on the system's own way with signals is back, so that a second
	// one ends the process at once.
	context.AfterFunc(ctx, stop)
	p := &program{in: os.Stdin, out: os.Stdout, err: os.Stderr, getenv: os.Getenv, rand: rand.Reader}
	os.Exit(p.run(ctx, os.Args[1:]))
}
