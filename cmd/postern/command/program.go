// Package command is what all commands of the program have in common: the root command with its flags, the terminal,
// settings, secrets, and the way to a running gateway. The families of commands are the packages below it. Flags and
// environment are read here and there, and in no other package.
package command

import (
	"context"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// The exit codes.
const (
	ExitDone   = 0
	ExitFailed = 1
	ExitUsage  = 2 // a flag, an argument or a setting is wrong
)

// Program is the environment that commands run in.
type Program struct {
	Terminal
	Getenv  func(string) string
	Rand    io.Reader
	Drivers gateway.Drivers // nil: as shipped

	homeFlag string
	verbose  bool // failures are printed with all causes
}

// Family returns the commands of a family, for the root command. A family whose commands are verbs of one noun returns
// what Verbs returns.
type Family func(*Program) []*cobra.Command

// Run runs one command line and returns the exit code. Every failure is one sentence on stderr.
func (p *Program) Run(ctx context.Context, args []string, families []Family) int {
	root := p.Root(families)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return ExitDone
	}
	if say.Interrupted(ctx, err) {
		err = say.Advisef("%s was interrupted before it was done: run it again", cmd.CommandPath())
	}
	sentence := say.Sentence
	if p.verbose {
		sentence = say.Whole
	}
	p.Warnf("postern: %s\n", sentence(err))
	var usage *say.UsageError
	if errors.As(err, &usage) {
		return ExitUsage
	}
	return ExitFailed
}

// Root returns the root command with the commands of all families.
func (p *Program) Root(families []Family) *cobra.Command {
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
	root.SetIn(p.In)
	root.SetOut(p.Out)
	root.SetErr(p.Err)
	flags := root.PersistentFlags()
	flags.StringVar(&p.homeFlag, "home", "", "folder of settings, keys, journal and cache (default $POSTERN_HOME, else "+
		"the system's place for user data)")
	flags.BoolVar(&p.verbose, "verbose", false, "print failures with all their causes and whole ids")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return say.Usagef("%w: see %s --help", err, cmd.CommandPath())
	})
	for _, family := range families {
		root.AddCommand(family(p)...)
	}
	p.hints = hintsFor(root.Commands(), &p.homeFlag)
	root.AddCommand(p.version())
	return root
}

// Verbs returns a command that consists of verbs. Alone it lists them.
func Verbs(noun, short string, verbs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   noun,
		Short: short,
		Args:  NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(verbs...)
	return cmd
}

// Home locates the home folder without touching it.
func (p *Program) Home() (home.Home, error) {
	h, err := home.Locate(p.homeFlag, p.Getenv)
	if err != nil {
		return "", say.Usage(err)
	}
	if info, err := os.Stat(h.String()); err == nil && !info.IsDir() {
		return "", say.Advisef("the home %s is a file, not a folder: name another with --home", h)
	}
	return h, nil
}

// Settings merges flags, environment, config.toml and defaults, in this order.
func (p *Program) Settings(h home.Home, flags home.Settings) (home.Settings, error) {
	if err := flags.Check(); err != nil {
		return home.Settings{}, say.Usage(err)
	}
	env, err := home.FromEnvironment(p.Getenv)
	if err != nil {
		return home.Settings{}, say.Usage(err)
	}
	config, err := h.ReadConfig()
	if err != nil {
		return home.Settings{}, err
	}
	all := flags.Or(env).Or(config).Or(home.Defaults())
	if err := all.Check(); err != nil { // settings that are valid one by one may exclude each other
		return home.Settings{}, say.Usage(err)
	}
	return all, nil
}

// Limit adds the flag --limit to a command.
func Limit(cmd *cobra.Command, limit *home.Rates) {
	cmd.Flags().Var(limit, "limit", "most bytes a second in each direction, such as 10MiB/s, \"08:00 1MiB/s, 18:00 off\" "+
		"or off (default: remote.upload and remote.download in the settings)")
}

// Rates returns a limit for both directions, or those of the settings if none is given.
func (p *Program) Rates(h home.Home, limit home.Rates) (up, down home.Rates, err error) {
	if limit != (home.Rates{}) {
		return limit, limit, nil
	}
	settings, err := p.Settings(h, home.Settings{})
	return settings.Remote.Upload, settings.Remote.Download, err
}

// Account reads the finished account of a home and returns it with its remote.
func (p *Program) Account(h home.Home) (home.Account, gateway.Target, error) {
	account, err := h.ReadAccount()
	if errors.Is(err, home.ErrNoAccount) {
		return home.Account{}, gateway.Target{}, NoAccount(h)
	}
	if err != nil {
		return home.Account{}, gateway.Target{}, err
	}
	if account.Unfinished {
		return home.Account{}, gateway.Target{}, say.Advisef("the account in %s is half made: run postern serve once to "+
			"finish it", h)
	}
	settings, err := p.Settings(h, home.Settings{})
	if err != nil {
		return home.Account{}, gateway.Target{}, err
	}
	to, err := p.Remote(h, settings, account)
	return account, to, err
}

// NoAccount returns the error of a command that needs an account in a home that has none.
func NoAccount(h home.Home) error {
	return say.Advisef("the home %s has no account: make one with postern serve or postern init, "+
		"or name the right home with --home", h)
}

// Remote returns the remote that the settings name, else the account's own.
func (p *Program) Remote(h home.Home, settings home.Settings, account home.Account) (gateway.Target, error) {
	url := settings.Remote.URL
	if url == "" {
		url = account.Remote
	}
	return p.Drivers.Parse(url, h)
}
