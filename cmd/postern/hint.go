package main

import (
	"regexp"

	"postern/cmd/postern/reach"
)

// commandHint is a command of ours in a sentence.
var commandHint = regexp.MustCompile(
	`\bpostern (serve|init|login|recover|passwd|status|flush|inspect|gc|fsck|history|pin|locks|mount|trust|bundle|remote)\b`)

// withHome returns a text whose hints work as they stand: the commands in it name the home that was given by --home. One that
// was given by the environment is still there when the hint is followed.
func (p *program) withHome(text string) string {
	if p.homeFlag == "" {
		return text
	}
	return commandHint.ReplaceAllStringFunc(text, func(hint string) string {
		return "postern --home " + reach.ShellQuote(p.homeFlag) + hint[len("postern"):]
	})
}
