package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// The exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2 // a flag, an argument or a setting that can't be
)

// program is what commands have of the outside.
type program struct {
	in       *os.File
	out, err *os.File
	getenv   func(string) string
	rand     io.Reader

	drivers  gateway.Drivers // nil: as shipped
	homeFlag string
	verbose  bool // failures are printed with all causes
}

// run runs one command line and returns the exit code. Every failure is one sentence on stderr.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.root()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	if say.Interrupted(ctx, err) {
		err = say.Advisef("%s was interrupted before it was done: run it again", cmd.CommandPath())
	}
	sentence := say.Sentence
	if p.verbose {
		sentence = say.Whole
	}
	p.warnf("postern: %s\n", sentence(err))
	var usage *say.UsageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

func (p *program) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "postern",
		Short: "An encrypted drive on one's own machine",
		Long: `Postern decrypts an end-to-end-encrypted filesystem on your own machine and hands it to
ordinary programs as a WebDAV drive. The storage behind it sees padded ciphertext only.

Begin with: postern serve`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return say.Usagef("there is no command %q: postern help lists them", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.PersistentFlags().StringVar(&p.homeFlag, "home", "", "folder of settings, keys, journal and cache (default $POSTERN_HOME, else the system's place for user data)")
	root.PersistentFlags().BoolVar(&p.verbose, "verbose", false, "print failures with all their causes and whole ids")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return say.Usagef("%w: see %s --help", err, cmd.CommandPath())
	})
	root.AddCommand(p.serve(), p.init(), p.login(), p.recover(), p.passwd(), p.status(), p.flush(), p.inspect(), p.gc(), p.fsck(),
		p.history(), p.pin(), p.locks(), p.mount(), p.trust(), p.bundle(), p.remote(), p.version())
	return root
}

// home locates the home folder without touching it.
func (p *program) home() (home.Home, error) {
	h, err := home.Locate(p.homeFlag, p.getenv)
	if err != nil {
		return "", say.Usage(err)
	}
	if info, err := os.Stat(h.String()); err == nil && !info.IsDir() {
		return "", say.Advisef("the home %s is a file, not a folder: name another with --home", h)
	}
	return h, nil
}

// settings merges flags, environment, config.toml and defaults, in this order.
func (p *program) settings(h home.Home, flags home.Settings) (home.Settings, error) {
	if err := flags.Check(); err != nil {
		return home.Settings{}, say.Usage(err)
	}
	env, err := home.FromEnvironment(p.getenv)
	if err != nil {
		return home.Settings{}, say.Usage(err)
	}
	config, err := h.ReadConfig()
	if err != nil {
		return home.Settings{}, err
	}
	all := flags.Or(env).Or(config).Or(home.Defaults())
	if err := all.Check(); err != nil { // what is right by itself may not go together
		return home.Settings{}, say.Usage(err)
	}
	return all, nil
}

// print writes text of several lines to stdout, all of it ours.
func (p *program) print(text string) { _, _ = io.WriteString(p.out, p.withHome(text)) }

// printf writes to stdout, with the arguments escaped where a terminal would obey them. A reader that went away is no reason to stop serving.
func (p *program) printf(format string, args ...any) {
	_, _ = io.WriteString(p.out, p.withHome(say.Sprintf(format, args...)))
}

// warnf writes to stderr.
func (p *program) warnf(format string, args ...any) {
	_, _ = io.WriteString(p.err, p.withHome(say.Sprintf(format, args...)))
}

// noArgs refuses arguments with a sentence.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return say.Usagef("%s takes no argument, and %q is one: see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}

// buildVersion is the module's version as the Go tool knows it: a tag, or the commit with its time.
func buildVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "unknown"
	}
	return info.Main.Version
}
