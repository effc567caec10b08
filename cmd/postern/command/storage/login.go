package storage

import (
	"context"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/crypto"
)

// loginRecord returns the account's login record at a remote. If the account has none, or no passphrase is given, it
// says what that means and returns nil.
func loginRecord(
	ctx context.Context, p *command.Program, h home.Home, known home.Account, at gateway.Target, passphraseFile string,
) (*crypto.Pointer, error) {
	if !known.Passphrase {
		p.Printf("The account has no passphrase yet: what comes of this opens by its recovery words only. " +
			"To log in there, run postern passwd first, then this again with the passphrase in a file named by " +
			"--passphrase-file.\n")
		return nil, nil
	}
	source := command.Passphrase(passphraseFile)
	if !p.HasSecret(source) {
		p.Printf("The login record stays behind, for no passphrase is given: what comes of this opens by the recovery " +
			"words only. To log in there, name a file with the passphrase by --passphrase-file.\n")
		return nil, nil
	}
	passphrase, err := p.ReadSecret(ctx, source)
	if err != nil {
		return nil, err
	}
	record, err := account.LoginRecord(ctx, h, known, at, passphrase)
	if err != nil {
		return nil, err
	}
	return &record, nil
}
