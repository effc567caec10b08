package storage

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"postern/cmd/postern/carry"
	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/remote/transfer"
)

func export(p *command.Program) *cobra.Command {
	var limit home.Rates
	var since, passphraseFile string
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the drive, or what changed in it, to a file, sealed as it is",
		Long: `Writes everything that the drive and its history refer to into a file, sealed and signed as at the remote. The
letters in the account's inbox and the record of its name go along. With --since the file holds only what came after an
earlier export, which is named by its file, or by a time: the newest export that this device made until then. Run an
export that was cut again: it continues from what FILE.part holds.

With the passphrase (--passphrase-file, $POSTERN_PASSPHRASE) the login record goes along, so that user name and
passphrase open the drive at any remote that the file is imported into; without it, only the recovery words do.`,
		Args: command.Exactly(1, "one file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return exportDrive(cmd.Context(), p, args[0], since, passphraseFile, limit)
		},
	}
	cmd.Flags().StringVar(&since, "since", "",
		`an earlier bundle, or a time such as 2026-11-20, "2026-11-20 09:15" or 7d (ago)`)
	cmd.Flags().StringVar(&passphraseFile, "passphrase-file", "",
		"file whose first line is the passphrase (default $POSTERN_PASSPHRASE, else the login record stays)")
	command.Limit(cmd, &limit)
	return cmd
}

func exportDrive(
	ctx context.Context, p *command.Program, file, since, passphraseFile string, limit home.Rates,
) error {
	h, err := p.Home()
	if err != nil {
		return err
	}
	known, to, err := p.Account(h)
	if err != nil {
		return err
	}
	o := control.ExportOrder{Limit: limit.String()}
	if o.File, err = bundleFile(file); err != nil {
		return err
	}
	if since != "" {
		base, isFile, err := carry.Since(h, known, since, time.Now())
		if err != nil {
			return err
		}
		o.Base = base.Marshal()
		if isFile {
			if o.Since, err = bundleFile(since); err != nil {
				return err
			}
		}
	}
	if login, err := loginRecord(ctx, p, h, known, to, passphraseFile); err != nil {
		return err
	} else if login != nil {
		o.Login = login.Marshal()
	}
	var at transfer.Progress
	err = p.Working(ctx, func(g control.Gateway, tell control.Tell) (err error) {
		at, err = g.Export(ctx, o, tell)
		return err
	})
	if err != nil {
		return err
	}
	p.Printf("%s holds %s, %s%s.\n", file, say.Plural(at.Copied+at.Skipped, "blob"),
		home.Size(at.CopiedBytes+at.SkippedBytes),
		say.IfElse(since == "", "", ", and needs what was exported before"))
	return nil
}

// bundleFile returns the absolute path of a bundle, for another process that writes or reads it.
func bundleFile(arg string) (string, error) {
	if arg == "-" {
		return "", say.Usagef("a bundle is read at several places, so it can't be a pipe: name one, not -")
	}
	path, err := filepath.Abs(arg)
	if err != nil {
		return "", say.Usagef("can't find out where %s is: %w", arg, err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return "", say.Usagef("%s is a folder: name a file in it", arg)
	}
	return path, nil
}
