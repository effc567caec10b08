package mount

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"postern/cmd/postern/command"
	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/mount"
	"postern/cmd/postern/reach"
	"postern/cmd/postern/say"
	"postern/cmd/postern/system"
)

func mounting(p *command.Program) *cobra.Command {
	var show, remove, apply bool
	cmd := &cobra.Command{
		Use:   "mount [DIR]",
		Short: "Make the served drive a folder of this machine",
		Long: `Mounts the drive that is being served, in the way of this system:

  Linux     for the desktop (gio), if there is one and no DIR is named; else davfs2 on DIR, which needs root:
            sudo postern mount --home HOME DIR
  macOS     as Finder does; or on DIR
  Windows   as a network drive; DIR is a letter, such as P:

Windows limits such drives to files of 50 MB; --apply raises this limit, as an administrator.`,
		Args: command.AtMostOne("one folder, or none"),
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := ""
			if len(args) > 0 {
				folder = args[0]
			}
			m := mounter{p: p, facts: system.Here(p.Getenv), run: system.Commands{}, connect: mount.Connect}
			switch {
			case show && !remove && !apply:
				return m.show(cmd.Context())
			case show || remove && apply || apply && folder != "":
				return say.Usagef("postern mount takes one of --print, --remove and --apply, and --apply no folder")
			case apply:
				return m.lift(cmd.Context())
			case remove:
				return m.remove(cmd.Context(), folder)
			}
			return m.mount(cmd.Context(), folder)
		},
	}
	cmd.Flags().BoolVar(&show, "print", false, "only show how, for every system and many programs")
	cmd.Flags().BoolVar(&remove, "remove", false, "unmount it")
	cmd.Flags().BoolVar(&apply, "apply", false, "on Windows: lift the WebClient service's limits and start it")
	return cmd
}

// mounter carries out postern mount.
type mounter struct {
	p       *command.Program
	facts   system.Facts
	run     system.Runner
	connect func(c mount.Connection, user, password string) error
}

// drive returns the drive that is being served, and its home.
func (m mounter) drive(ctx context.Context) (mount.Drive, home.Home, error) {
	h, err := m.p.Home()
	if err != nil {
		return mount.Drive{}, "", err
	}
	status, err := control.NewClient(h.Socket()).Status(ctx)
	if errors.Is(err, control.ErrNotRunning) {
		return mount.Drive{}, "", say.Advisef("no gateway serves the home %s: start it with postern serve, or name the "+
			"right home with --home", h)
	}
	if err != nil {
		return mount.Drive{}, "", err
	}
	d := mount.Drive{User: status.User}
	if d.URL, err = url.Parse(status.URL); err != nil || status.URL == "" {
		return mount.Drive{}, "", say.Advisef("the running gateway does not report its address: it is of another version, " +
			"start it again")
	}
	if name, ok := strings.CutPrefix(status.PasswordIn, "$"); ok {
		if d.Password = m.p.Getenv(name); d.Password == "" {
			return mount.Drive{}, "", say.Advisef("the drive's password was set by %s where it is served: set it here, too",
				status.PasswordIn)
		}
	} else if d.Password, err = h.ReadPassword(m.p.Rand); err != nil {
		return mount.Drive{}, "", err
	}
	if status.CA != "" {
		if d.CA, err = os.ReadFile(status.CA); err != nil {
			return mount.Drive{}, "", fmt.Errorf("can't read the drive's authority: %w", err)
		}
	}
	return d, h, nil
}

func (m mounter) mount(ctx context.Context, folder string) (err error) {
	d, h, err := m.drive(ctx)
	if err != nil {
		return err
	}
	if folder != "" && m.facts.OS != "windows" {
		if folder, err = filepath.Abs(folder); err != nil {
			return fmt.Errorf("can't find out where %s is: %w", folder, err)
		}
	}
	scratch, err := os.MkdirTemp("", "postern-mount-")
	if err != nil {
		return fmt.Errorf("can't make a folder for what mounting needs: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	plan, err := mount.For(m.facts, d, folder, scratch)
	switch {
	case errors.Is(err, mount.ErrRights):
		return say.Advisef("%w: run sudo postern mount --home %s %s, or without a folder on a desktop", err,
			reach.ShellQuote(h.String()), reach.ShellQuote(folder))
	case errors.Is(err, mount.ErrFolder):
		return say.Usagef("%w: postern mount DIR", err)
	case err != nil:
		return say.Advisef("%w; postern mount --print shows other ways", err)
	}
	if at := m.already(ctx, d, plan); at != "" {
		m.p.Printf("The drive is at %s already. postern mount --remove unmounts it.\n", at)
		return nil
	}
	if err := prepare(plan, scratch); err != nil {
		return err
	}
	if plan.Net != nil {
		err = m.connect(*plan.Net, d.User, d.Password)
	}
	for _, s := range plan.Steps {
		if plan.Net != nil || err != nil {
			break
		}
		_, err = m.run.Run(ctx, s)
	}
	if err != nil {
		return say.Advisef("can't mount the drive at %s: %w; %s", d.URL, err,
			say.IfElse(len(d.CA) > 0 && len(plan.Files) == 0,
				"if it is the certificate that is not trusted, run postern trust first",
				"postern mount --print shows other ways"))
	}
	m.p.Printf("The drive is at %s. postern mount --remove unmounts it.\n", m.where(ctx, plan))
	return nil
}

// prepare makes the folder and the files that a plan's steps use.
func prepare(plan mount.Plan, scratch string) error {
	if plan.Make {
		if err := os.MkdirAll(plan.Folder, 0o755); err != nil {
			return fmt.Errorf("can't make the folder to mount on: %w", err)
		}
	}
	if len(plan.Files) == 0 {
		return nil
	}
	// davfs2 reads the certificate as a user of its own; nothing here is secret.
	if err := os.Chmod(scratch, 0o755); err != nil { //nolint:gosec // as said
		return fmt.Errorf("can't prepare %s: %w", scratch, err)
	}
	for _, f := range plan.Files {
		if err := os.WriteFile(f.Path, []byte(f.Text), 0o644); err != nil { //nolint:gosec // as said
			return fmt.Errorf("can't prepare the mount: %w", err)
		}
	}
	return nil
}

// already returns the place where the plan would mount the drive, if it is mounted there; else empty.
func (m mounter) already(ctx context.Context, d mount.Drive, plan mount.Plan) string {
	if plan.Folder == "" {
		return m.local(ctx, plan)
	}
	if plan.Net == nil && m.facts.Has("mount") {
		said, err := m.run.Run(ctx, system.Step{Args: []string{"mount"}})
		if err == nil && slices.Contains(mount.Places(said, d.URL.String()), plan.Folder) {
			return plan.Folder
		}
	}
	return ""
}

// where returns where the drive was mounted.
func (m mounter) where(ctx context.Context, plan mount.Plan) string {
	return cmp.Or(plan.Folder, m.local(ctx, plan), "its place in the file manager")
}

// local is the folder that a plan's Where prints; empty if it prints none.
func (m mounter) local(ctx context.Context, plan mount.Plan) string {
	if len(plan.Where.Args) == 0 {
		return ""
	}
	said, err := m.run.Run(ctx, plan.Where)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(said) {
		if path, ok := strings.CutPrefix(line, "local path: "); ok {
			return strings.TrimSpace(path)
		}
	}
	return ""
}

func (m mounter) remove(ctx context.Context, folder string) error {
	d, _, err := m.drive(ctx)
	if err != nil && folder == "" {
		return err // a folder can be unmounted also when no gateway serves the drive
	}
	mounted := ""
	if folder == "" && m.facts.Has("mount") {
		if mounted, err = m.run.Run(ctx, system.Step{Args: []string{"mount"}}); err != nil {
			return fmt.Errorf("can't find out what is mounted: %w", err)
		}
	}
	steps, err := mount.Undo(m.facts, d, folder, mounted)
	if err != nil {
		return say.Usagef("%w: postern mount --remove P:", err)
	}
	if len(steps) == 0 {
		return say.Advisef("the drive at %s is mounted nowhere here", d.URL)
	}
	for _, s := range steps {
		if s.Admin && !m.facts.Admin {
			return say.Advisef("unmounting needs an administrator: %s", s.Line(m.facts.OS))
		}
		if _, err := m.run.Run(ctx, s); err != nil && !s.Maybe {
			return fmt.Errorf("can't unmount the drive: %w", err)
		}
		m.p.Printf("done: %s\n", s.Does)
	}
	return nil
}

// lift lifts the limits of Windows.
func (m mounter) lift(ctx context.Context) error {
	if m.facts.OS != "windows" {
		return say.Usagef("--apply is for Windows, whose WebClient service has limits; there are none here")
	}
	steps := mount.Lift()
	if !m.facts.Admin {
		m.p.Print(system.Script(m.facts.OS, steps))
		return say.Advisef("the limits are the machine's: run this, or the lines above, in a prompt that was started as " +
			"administrator")
	}
	for _, s := range steps {
		if _, err := m.run.Run(ctx, s); err != nil && !s.Maybe {
			return fmt.Errorf("can't do what %s: %w", s.Does, err)
		}
		m.p.Printf("done: %s\n", s.Does)
	}
	return nil
}
