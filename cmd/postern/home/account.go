package home

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pelletier/go-toml/v2"

	"postern/crypto"
)

// AccountVersion is the version of the account file that this build writes and the only one it reads.
const AccountVersion = 1

// ErrNoAccount says that a home has no account yet.
var ErrNoAccount = errors.New("no account in this home")

// DeviceID distinguishes the devices of one account. It is random, made with the account file, and stored elsewhere
// only under a seal.
type DeviceID [16]byte

// String is 32 hex digits.
func (d DeviceID) String() string { return hex.EncodeToString(d[:]) }

// Account is the owner of the drive, as this device knows it.
type Account struct {
	User       string               // normalised
	Remote     string               // the remote's URL; empty: the folder in the home
	Secret     crypto.AccountSecret // opens and signs everything
	Device     DeviceID
	DeviceName string // as in the names of conflict copies
	Passphrase bool   // a login record was made or used by this device
	// Unfinished is set before an account's first state is written to the remote and cleared afterwards: only then may a
	// missing drive be made. An account that was finished and isn't found has been lost or withheld.
	Unfinished bool
}

// accountFile is the account as it lies on disk. The check sum detects a slip in an editor.
type accountFile struct {
	Version    int    `toml:"version"`
	User       string `toml:"user"`
	Remote     string `toml:"remote"`
	Secret     string `toml:"secret"`
	Device     string `toml:"device"`
	DeviceName string `toml:"device-name"`
	Passphrase bool   `toml:"passphrase"`
	Unfinished bool   `toml:"unfinished"`
	Check      string `toml:"check"`
}

const accountComment = "# Written by Postern. Whoever reads this file can read the whole drive: keep it secret.\n"

// ReadAccount reads the account of this home. It returns ErrNoAccount where there is none.
func (h Home) ReadAccount() (Account, error) {
	text, err := readFile(h.Account())
	if errors.Is(err, fs.ErrNotExist) {
		return Account{}, ErrNoAccount
	}
	if err != nil {
		return Account{}, fmt.Errorf("can't read the account file %s: %w", h.Account(), cause(err))
	}
	if info, err := os.Stat(h.Account()); err == nil && !private(info) {
		return Account{}, fmt.Errorf("the account file %s can be read by others: run chmod 600 on it, and consider who "+
			"may have read it", h.Account())
	}
	account, err := parseAccount(text)
	if err != nil {
		return Account{}, fmt.Errorf("the account file %s is damaged (%w): put a good copy in its place, or move it away "+
			"and run postern login or postern recover", h.Account(), err)
	}
	return account, nil
}

func parseAccount(text []byte) (Account, error) {
	var f accountFile
	dec := toml.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return Account{}, plainTOML(err)
	}
	if f.Version != AccountVersion {
		return Account{}, fmt.Errorf("version %d, and this build knows only version %d", f.Version, AccountVersion)
	}
	a := Account{User: f.User, Remote: f.Remote, DeviceName: f.DeviceName, Passphrase: f.Passphrase,
		Unfinished: f.Unfinished}
	if user, err := crypto.NormalizeUser(f.User); err != nil || user != f.User {
		return Account{}, errors.New("the user name is not valid")
	}
	if err := unhex(a.Secret[:], f.Secret); err != nil {
		return Account{}, fmt.Errorf("the secret %w", err)
	}
	if err := unhex(a.Device[:], f.Device); err != nil {
		return Account{}, fmt.Errorf("the device %w", err)
	}
	if a.check() != f.Check {
		return Account{}, errors.New("its check sum differs")
	}
	return a, nil
}

// unhex fills dst exactly. The error is a predicate, and shows nothing of the text, which may be secret.
func unhex(dst []byte, text string) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("has %d characters instead of %d", len(text), hex.EncodedLen(len(dst)))
	}
	if _, err := hex.Decode(dst, []byte(text)); err != nil {
		return errors.New("has characters that are no hex digits")
	}
	return nil
}

// check binds all fields. It shows 64 bits of a hash of a 256-bit secret, to those who can read the secret beside it.
func (a Account) check() string {
	sum := crypto.NameOf(fmt.Appendf(nil, "postern account file %d\n%q\n%q\n%x\n%s\n%q\n%t\n%t\n",
		AccountVersion, a.User, a.Remote, a.Secret[:], a.Device, a.DeviceName, a.Passphrase, a.Unfinished))
	return hex.EncodeToString(sum[:8])
}

// WriteAccount replaces the account file in one durable step.
func (h Home) WriteAccount(a Account) error {
	var out bytes.Buffer
	out.WriteString(accountComment)
	err := toml.NewEncoder(&out).Encode(accountFile{
		Version: AccountVersion, User: a.User, Remote: a.Remote, Secret: hex.EncodeToString(a.Secret[:]),
		Device:     a.Device.String(),
		DeviceName: a.DeviceName, Passphrase: a.Passphrase, Unfinished: a.Unfinished, Check: a.check(),
	})
	if err != nil {
		return fmt.Errorf("can't encode the account: %w", err)
	}
	if err := writeFile(h.Account(), out.Bytes()); err != nil {
		return fmt.Errorf("can't write the account file %s: %w", h.Account(), err)
	}
	return nil
}

// RemoveAccount removes an account that was never finished, so that it can be made again.
func (h Home) RemoveAccount() error { return os.Remove(h.Account()) }

// NewAccount makes an unfinished account with a fresh secret; nothing is written.
func NewAccount(user, remote string, rand io.Reader) (Account, error) {
	secret, err := crypto.Random[crypto.AccountSecret](rand)
	if err != nil {
		return Account{}, fmt.Errorf("can't draw a secret: %w", err)
	}
	return AccountWith(user, remote, secret, rand)
}

// AccountWith returns the unfinished account of a known secret on this device; nothing is written.
func AccountWith(user, remote string, secret crypto.AccountSecret, rand io.Reader) (Account, error) {
	a := Account{User: user, Remote: remote, Secret: secret, DeviceName: DeviceName(os.Hostname), Unfinished: true}
	if _, err := io.ReadFull(rand, a.Device[:]); err != nil {
		return Account{}, fmt.Errorf("can't draw a device number: %w", err)
	}
	return a, nil
}
