package main

import (
	"regexp"
	"testing"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
)

// TestHelpShowsRealDefaults: a flag that leaves a choice to the settings shows no zero as its default.
func TestHelpShowsRealDefaults(t *testing.T) {
	zero := regexp.MustCompile(`\(default (0\w*|none|"")\)`)
	var walk func(*cobra.Command)
	walk = func(cmd *cobra.Command) {
		if at := zero.FindString(cmd.UsageString()); at != "" {
			t.Errorf("%s --help shows %s", cmd.CommandPath(), at)
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk((&command.Program{}).Root(families))
}
