package account

import (
	"context"
	"errors"
	"io"
	"strings"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
)

// PasswordVariable is the environment variable that sets the drive's password in place of the file in the home.
const PasswordVariable = "POSTERN_DAV_PASSWORD"

// Password returns the password that WebDAV clients log in with, and where the user finds it: the file that holds it,
// or "$" and the variable that sets it. The first call for a home makes a password at random.
func Password(h home.Home, getenv func(string) string, rand io.Reader) (password, where string, err error) {
	if password := getenv(PasswordVariable); password != "" {
		return password, "$" + PasswordVariable, nil
	}
	password, err = h.ReadPassword(rand)
	return password, h.Password(), err
}

// RotatePassword replaces the drive's password by a random one, also in a running gateway.
func RotatePassword(ctx context.Context, h home.Home, rand io.Reader) error {
	client := control.NewClient(h.Socket())
	if s, err := client.Status(ctx); err == nil && strings.HasPrefix(s.PasswordIn, "$") {
		return say.Advisef("the gateway takes the password from %s: change it there and start the gateway again",
			s.PasswordIn)
	}
	if err := h.RotatePassword(rand); err != nil {
		return err
	}
	if err := client.Rekey(ctx); err != nil && !errors.Is(err, control.ErrNotRunning) {
		return say.Advisef("the new password is in %s, but the running gateway did not take it (%w): start it again",
			h.Password(), err)
	}
	return nil
}
