package account

import (
	"context"
	"errors"
	"io"

	"postern/cmd/postern/gateway"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
)

// DefaultUser is the user of an account that FirstRun makes.
const DefaultUser = "postern"

// ShowWords shows the recovery words of an account to the user, or keeps them where only the user finds them.
type ShowWords func(crypto.AccountSecret) error

// Make makes an account with its drive and its login record. It can be repeated after any failure: it goes on with the
// secret of the attempt before. The order is: account file (marked unfinished), drive, login record, words, account
// file (finished). So no account is finished whose words were never shown.
func Make(ctx context.Context, at Place, passphrase string, show ShowWords, rand io.Reader) (err error) {
	login, err := newLogin(at.User, passphrase)
	if err != nil {
		return err
	}
	s, err := gateway.Hold(ctx, gateway.HoldOptions{Home: at.Home, To: at.To, Founding: true})
	if err != nil {
		return err
	}
	defer func() { err = say.Closing(err, s.Close) }()
	known := logins{s.Store, at.To, rand}
	begun, err := at.unfinished()
	if err != nil {
		return err
	}
	if begun == nil {
		if begun, err = at.begin(ctx, s, known, login); err != nil {
			return err
		}
	}
	if err := gateway.BeginDrive(ctx, s, *begun, rand); err != nil {
		return err
	}
	if err := known.put(ctx, login, at.User, begun.Secret); err != nil {
		return err
	}
	if err := show(begun.Secret); err != nil {
		return err
	}
	begun.Unfinished, begun.Passphrase = false, true
	return at.Home.WriteAccount(*begun)
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
			err = gateway.BeginDrive(ctx, s, passing, rand)
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
	if err := gateway.BeginDrive(ctx, s, begun, rand); err != nil {
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
