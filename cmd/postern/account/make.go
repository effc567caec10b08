package account

import (
	"context"
	"errors"
	"fmt"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/vfs/meet"
)

// DefaultUser is the user of an account that FirstRun makes.
const DefaultUser = "postern"

// ShowWords shows the recovery words of an account to the user, or keeps them where only the user finds them.
type ShowWords func(crypto.AccountSecret) error

// Make makes an account with its name, its drive and its login record, and reports whether the remote has names at all.
// It can be repeated after any failure: it goes on with the secret of the attempt before. The order is: account file
// (marked unfinished), name, drive, login record, words, account file (finished). So no account is finished whose words
// were never shown, and a name that is taken leaves nothing behind.
func Make(ctx context.Context, at Place, passphrase string, show ShowWords, rand io.Reader) (named bool, err error) {
	login, err := newLogin(at.User, passphrase)
	if err != nil {
		return false, err
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.Home, To: at.To, Founding: true})
	if err != nil {
		return false, err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	known := logins{s.Store, at.To, rand}
	begun, err := at.unfinished()
	if err != nil {
		return false, err
	}
	if begun == nil {
		if begun, err = at.begin(ctx, s, known, login); err != nil {
			return false, err
		}
	}
	name, err := at.claim(ctx, s, begun.Secret, rand)
	if err != nil {
		return false, err
	}
	if err := gateway.BeginDrive(ctx, s, *begun, name, rand); err != nil {
		return false, err
	}
	if err := known.put(ctx, login, at.User, begun.Secret); err != nil {
		return false, err
	}
	if err := show(begun.Secret); err != nil {
		return false, err
	}
	begun.Unfinished, begun.Passphrase = false, true
	return name != "", at.Home.WriteAccount(*begun)
}

// claim claims the user's name for an account that is being made. It returns the name, or nothing if the remote has no
// names. If no account can have the name here, the account file is removed.
func (p Place) claim(
	ctx context.Context, s *gateway.Session, secret crypto.AccountSecret, rand io.Reader,
) (name string, err error) {
	names := s.Store.Roles().Names
	if names == nil {
		return "", nil
	}
	var stores []string
	if url := s.URL(); url != "" {
		stores = []string{url}
	}
	err = meet.New(meet.Options{Account: secret, Names: names, Rand: rand}).Claim(ctx, p.User, stores)
	switch {
	case errors.Is(err, meet.ErrTaken):
		err = say.Advisef("the name %s belongs to another account at %s: choose another with --user, or use postern login or "+
			"postern recover if the account is yours; nothing was made", p.User, p.To)
	case errors.Is(err, meet.ErrReserved):
		err = say.Advisef("the name %s is reserved: choose another with --user; nothing was made", p.User)
	case err != nil:
		return "", fmt.Errorf("claim the name %s: %w", p.User, err)
	default:
		return p.User, nil
	}
	if found, lost := gateway.HasDrive(ctx, s.Store, secret); lost != nil || found {
		return "", errors.Join(err, lost) // an earlier attempt came further: the secret stays
	}
	return "", errors.Join(err, p.Home.RemoveAccount())
}

// begin writes a new, unfinished account into the home, unless the name and the passphrase open one already.
func (p Place) begin(ctx context.Context, s *gateway.Session, known logins, login crypto.Login) (*home.Account, error) {
	now, err := known.find(ctx, login)
	if err != nil {
		return nil, err
	}
	if now.found && !now.retired {
		return nil, known.taken(p.User)
	}
	begun, err := home.NewAccount(p.User, s.URL(), known.rand)
	if err != nil {
		return nil, err
	}
	return &begun, p.Home.WriteAccount(begun)
}

// FirstRun returns the account of the home that s holds. It makes one, without a passphrase, if there is none, and
// finishes one that an earlier run began. made reports whether it did either, and so showed the words.
func FirstRun(
	ctx context.Context, s *gateway.Session, show ShowWords, rand io.Reader,
) (_ home.Account, made bool, err error) {
	if s.To.Volatile() {
		// Nothing of this drive outlives the process, so its account is not written down either.
		passing, err := home.NewAccount(DefaultUser, s.To.String(), rand)
		if err == nil {
			err = gateway.BeginDrive(ctx, s, passing, "", rand)
		}
		return passing, false, err
	}
	begun, err := s.Home.ReadAccount()
	if errors.Is(err, home.ErrNoAccount) {
		if begun, err = home.NewAccount(DefaultUser, s.URL(), rand); err == nil {
			err = s.Home.WriteAccount(begun)
		}
	}
	if err != nil || !begun.Unfinished {
		return begun, false, err
	}
	if err := gateway.BeginDrive(ctx, s, begun, "", rand); err != nil {
		return home.Account{}, false, err
	}
	if err := show(begun.Secret); err != nil {
		return home.Account{}, false, err
	}
	begun.Unfinished = false
	return begun, true, s.Home.WriteAccount(begun)
}

// newLogin derives the login of a new passphrase.
func newLogin(user, passphrase string) (crypto.Login, error) {
	login, err := crypto.NewLogin(user, passphrase)
	if err != nil {
		return crypto.Login{}, say.Advisef("can't make a login of this name and passphrase: %w", err)
	}
	return login, nil
}
