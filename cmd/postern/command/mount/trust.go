package mount

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/home"
	"postern/cmd/postern/localca"
	"postern/cmd/postern/reach"
	"postern/cmd/postern/say"
	"postern/cmd/postern/system"
	"postern/cmd/postern/trust"
)

func trusting(p *command.Program) *cobra.Command {
	var remove, show bool
	cmd := &cobra.Command{
		Use:   "trust",
		Short: "Have this machine's programs accept the drive's certificate",
		Long: `Installs the drive's own certificate authority in the places where this machine's programs look for
authorities, so that they trust postern serve --tls like any site: the system's store, and those of Firefox and Chromium
where they keep one. Unless you are an administrator, it prints the commands for the steps that need one.

The authority is made for this drive alone. It can certify localhost, 127.0.0.1, ::1 and the names of the setting hosts,
and nothing else. Its key stays in the home, and only you can read it.`,
		Args: command.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			h, err := p.Home()
			if err != nil {
				return err
			}
			settings, err := p.Settings(h, home.Settings{})
			if err != nil {
				return err
			}
			if settings.TLS.Cert != "" {
				return say.Usagef("the drive shows a certificate of your own, %s: there is no authority of its own to trust; "+
					"leave tls.cert and tls.key out to have one", settings.TLS.Cert)
			}
			t := truster{p: p, home: h, facts: system.Here(p.Getenv), run: system.Commands{}}
			switch {
			case remove:
				return t.remove(cmd.Context(), show)
			default:
				return t.install(cmd.Context(), reach.NamesOf(settings, settings.Addr), show)
			}
		},
	}
	cmd.Flags().BoolVar(&remove, "remove", false, "have them accept it no longer")
	cmd.Flags().BoolVar(&show, "print", false, "only show what would be done, as commands to type")
	return cmd
}

// truster carries out postern trust.
type truster struct {
	p     *command.Program
	home  home.Home
	facts system.Facts
	run   system.Runner
}

// install makes an authority, or replaces one that does not suffice, and has the system trust it.
func (t truster) install(ctx context.Context, names []string, show bool) error {
	if now, err := reach.ReadAuthority(t.home); t.facts.Admin && t.facts.Getenv("SUDO_USER") != "" &&
		(errors.Is(err, fs.ErrNotExist) || err == nil && !suffices(now, names)) {
		return say.Advisef("an authority has to be made for the home %s, and one that root makes would be closed to you: "+
			"run postern trust without sudo, which prints what is left for root", t.home)
	}
	if err := t.home.Make(); err != nil {
		return err
	}
	authority, err := reach.OpenAuthority(t.home, names)
	if err != nil {
		return err
	}
	renewed := false
	if !show && !suffices(authority, names) {
		if err := t.forget(ctx, authority); err != nil {
			return err
		}
		if authority, err = localca.New(names, time.Now()); err != nil {
			return err
		}
		if err := reach.WriteAuthority(t.home, authority); err != nil {
			return err
		}
		renewed = true
	}
	steps, missing := trust.Plan(t.facts, t.known(authority), false)
	t.p.Printf("%s, in %s, is good until %s.\n", authority.Name(), t.home.CA(),
		authority.Ends().Local().Format(time.DateOnly))
	if err := t.do(ctx, steps, missing, show); err != nil || show {
		return err
	}
	if renewed {
		t.p.Printf("It is new: if the drive is being served, start it again.\n")
	}
	return verified(authority)
}

// suffices reports whether an authority covers the names and is valid for some time.
func suffices(a *localca.Authority, names []string) bool {
	for _, name := range names {
		if !a.Covers(name) {
			return false
		}
	}
	return time.Until(a.Ends()) > reach.EndingSoon
}

// forget removes an authority from the stores. It returns no error if no store has it. Missing rights are reported when
// the next authority is installed.
func (t truster) forget(ctx context.Context, a *localca.Authority) error {
	steps, _ := trust.Plan(t.facts, t.known(a), true)
	for i := range steps {
		steps[i].Maybe = true
	}
	return t.do(ctx, steps, nil, false)
}

func (t truster) remove(ctx context.Context, show bool) error {
	authority, err := reach.ReadAuthority(t.home)
	if errors.Is(err, fs.ErrNotExist) {
		t.p.Printf("The home %s has no certificate authority: there is nothing to remove.\n", t.home)
		return nil
	}
	if err != nil {
		return err
	}
	steps, _ := trust.Plan(t.facts, t.known(authority), true)
	if err := t.do(ctx, steps, nil, show); err != nil || show {
		return err
	}
	t.p.Printf("%s is trusted no longer. It stays in %s, for postern serve --tls; programs that run must be started "+
		"again to forget it.\n", authority.Name(), t.home.CA())
	return nil
}

func (t truster) known(a *localca.Authority) trust.CA {
	return trust.CA{File: t.home.CA(), Name: a.Name(), Fingerprint: a.Fingerprint()}
}

// do runs the steps that this process has the rights for, and prints the rest.
func (t truster) do(ctx context.Context, steps []system.Step, missing []string, show bool) error {
	if show {
		t.p.Print(system.Script(t.facts.OS, steps))
	}
	var left []system.Step
	for _, s := range steps {
		switch {
		case show:
		case s.Admin && !t.facts.Admin:
			left = append(left, s)
		default:
			if _, err := t.run.Run(ctx, s); err != nil && !s.Maybe {
				return fmt.Errorf("can't do what %s: %w", s.Does, err)
			}
			t.p.Printf("done: %s\n", s.Does)
		}
	}
	for _, m := range missing {
		t.p.Printf("note: %s\n", m)
	}
	if len(left) == 0 {
		return nil
	}
	t.p.Print(system.Script(t.facts.OS, left))
	return say.Advisef("the rest needs an administrator: run the lines above%s",
		say.IfElse(t.facts.OS == "windows", " in a prompt that was started as administrator", ""))
}

// verified checks that the system now accepts a certificate of the authority, as a program of the system would.
func verified(a *localca.Authority) error {
	leaf, err := a.Issuer(nil, time.Now).Certificate(nil)
	if err != nil {
		return err
	}
	if _, err := leaf.Leaf.Verify(x509.VerifyOptions{DNSName: "localhost"}); err != nil {
		return say.Advisef("all was done, and still this system does not trust %s (%w): name its certificate to the "+
			"programs one by one", a.Name(), err)
	}
	return nil
}
