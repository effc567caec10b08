package main

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote/verify"
)

func (p *program) bundle() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bundle",
		Short: "Carry the drive, or what changed in it, in a file",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.bundleExport(), p.bundleImport())
	return cmd
}

// bundleFile is the whole path of a bundle, which another process may write or read.
func bundleFile(arg string) (string, error) {
	if arg == "-" {
		return "", say.Usagef("a bundle is a file that is gone back in: name one, not -")
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return "", say.Usagef("can't tell where %s is: %w", arg, err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", say.Usagef("%s is a folder: name a file in it", arg)
	}
	return path, nil
}

// parseTime reads a time as people write it: a day, a minute, a second, all local, or how long ago.
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

// loginPointer finds the account's login record, if it has one and a passphrase is given; else it says what that means.
func (p *program) loginPointer(ctx context.Context, account home.Account, to gateway.Target, h home.Home, passphraseFile string) (_ *crypto.Pointer, err error) {
	source := secretSource{what: "passphrase", variable: "POSTERN_PASSPHRASE", flag: "passphrase-file", file: passphraseFile}
	if !account.Passphrase {
		p.printf("The account has no passphrase yet: what comes of this opens by its recovery words only. To log in there, run postern passwd " +
			"first, then this again with the passphrase in a file named by --passphrase-file.\n")
		return nil, nil
	}
	if !p.given(source) {
		p.printf("The login record stays behind, for no passphrase is given: what comes of this opens by the recovery words only. To log in " +
			"there, name a file with the passphrase by --passphrase-file.\n")
		return nil, nil
	}
	store, err := gateway.OpenRemote(ctx, gateway.HoldOptions{Home: h, To: to}, &verify.MemoryPins{})
	if err != nil {
		return nil, err
	}
	defer func() { err = say.Closing(err, store.Close) }()
	_, now, err := p.oldRecord(ctx, store, account, to, passwdFlags{oldFile: passphraseFile})
	if err != nil {
		return nil, err
	}
	return &now.pointer, nil
}
