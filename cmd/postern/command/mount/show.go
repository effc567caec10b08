package mount

import (
	"context"
	"errors"
	"net/url"

	"postern/cmd/postern/account"
	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/mount"
	"postern/cmd/postern/reach"
	"postern/cmd/postern/system"
)

// show prints all ways to mount. Without a gateway it shows the address that the settings name.
func (m mounter) show(ctx context.Context) error {
	h, err := m.p.Home()
	if err != nil {
		return err
	}
	var help reach.HowTo
	status, err := control.NewClient(h.Socket()).Status(ctx)
	if err == nil {
		help = reach.HowTo{CA: status.CA, User: status.User, Where: status.PasswordIn}
		help.URL, err = url.Parse(status.URL)
	} else if errors.Is(err, control.ErrNotRunning) {
		help, err = idleHowTo(m.p, h)
	}
	if err != nil {
		return err
	}
	m.p.Print(help.Short() + "\n" + help.Ways())
	m.p.Printf("\nTo unmount: postern mount --remove; or umount DIR, gio mount -u %s, net use P: /delete, Finder's "+
		"eject button.\n", help.With("dav"))
	m.p.Printf("\nWindows limits network drives of this kind. As an administrator, postern mount --apply sets these " +
		"values and starts the service; or type:\n\n")
	m.p.Print(system.Script("windows", mount.Lift()))
	m.p.Printf("\nBasicAuthLevel stays as it is: Windows logs in by Digest, or by Basic over TLS. Files above 4 GiB are " +
		"for rclone.\n")
	return nil
}

// idleHowTo returns how the drive will be reached when it is served.
func idleHowTo(p *command.Program, h home.Home) (reach.HowTo, error) {
	settings, err := p.Settings(h, home.Settings{})
	if err != nil {
		return reach.HowTo{}, err
	}
	user := account.DefaultUser
	if known, err := h.ReadAccount(); err == nil {
		user = known.User
	}
	help := reach.HowTo{User: user, Where: h.Password(), URL: reach.DriveURL(settings.Addr, reach.NameOf(settings),
		settings.TLS.Mode == home.SwitchOn)}
	if settings.TLS.Mode == home.SwitchOn && settings.TLS.Cert == "" {
		help.CA = h.CA()
	}
	return help, nil
}
