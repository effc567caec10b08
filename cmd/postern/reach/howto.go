// Package reach is how clients find a drive: its address and TLS, its announcement on the local network, and the hints
// on how to mount it.
package reach

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"

	"postern/cmd/postern/say"
)

// HowTo is what a user needs to reach the drive.
type HowTo struct {
	URL      *url.URL
	CA       string // the certificate of the drive's own authority; empty: not needed
	User     string
	Password string // empty: not to be shown
	Where    string // the file that holds the password, or the variable that set it
}

// DriveURL returns the URL by which clients of this machine reach a drive that listens at an address. A drive that
// listens everywhere is reached by the loopback address. A name that clients have to use replaces the host.
func DriveURL(address, name string, secure bool) *url.URL {
	host, port, err := net.SplitHostPort(address)
	if err == nil && everywhere(host) {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: say.IfElse(secure, "https", "http"), Host: net.JoinHostPort(cmp.Or(name, host), port),
		Path: "/"}
}

// With returns the URL with another scheme, which gets an s over TLS, and with the user's name.
func (t HowTo) With(scheme string) string {
	u := *t.URL
	u.Scheme, u.User = strings.Replace(u.Scheme, "http", scheme, 1), url.User(t.User)
	return u.String()
}

// Hint is how one client reaches the drive.
type Hint struct {
	Client string
	before string // what comes before the command or address
	How    string // the command or address, as it is typed
	after  string // what comes after it; may begin a new line
}

// Hints returns the ways to the drive, the same for serve, mount and the README.
func (t HowTo) Hints() []Hint {
	base := t.URL.String()
	return []Hint{
		{"this", "", "postern mount", "  does what fits this machine; postern mount --print shows how"},
		{"macOS", "Finder: Go > Connect to Server (Cmd-K), ", base, ""},
		{"Windows", "", "net use P: " + base + " /user:" + t.User + " *", ""},
		{"GNOME", "", "gio mount " + t.With("dav"), "      or Files: Other Locations, the same address"},
		{"KDE", "", "dolphin " + t.With("webdav"), ""},
		{"davfs2", "", "sudo mount -t davfs -o uid=$(id -u) " + base + " /mnt",
			"\n(on Linux 6.16 and newer with \"buf_size 64\" in /etc/davfs2/davfs2.conf)"},
		{"rclone", "", "rclone config create drive webdav url=" + strings.TrimSuffix(base, "/") +
			" vendor=owncloud pacer_min_sleep=1ms user=" + t.User + " pass=\"" + t.command() + "\" --obscure",
			"\nrclone sync ~/Documents drive:files/Documents"},
		{"browser", "", base, ""},
	}
}

// Short says in one line where the drive is and how to log in.
func (t HowTo) Short() string {
	return fmt.Sprintf("The drive is at %s for the user %s, with the password %s.\n", t.URL, t.User, t.place())
}

func (t HowTo) place() string {
	if strings.HasPrefix(t.Where, "$") {
		return "that " + t.Where + " sets"
	}
	return "in " + t.Where
}

// command is the shell expression that yields the password.
func (t HowTo) command() string {
	if strings.HasPrefix(t.Where, "$") {
		return t.Where
	}
	return "$(cat " + ShellQuote(t.Where) + ")"
}

// Long says how to mount the drive with every common client.
func (t HowTo) Long() string {
	login := fmt.Sprintf("user %s, password %s", t.User, t.place())
	if t.Password != "" {
		login = fmt.Sprintf("user %s, password %s  (also in %s)", t.User, t.Password, t.Where)
	}
	return fmt.Sprintf("The drive is at %s\n    %s\n\n%s\nYour files are in the folder \"files\". Ctrl-C ends the "+
		"drive; what is in it stays.\n", t.URL, login, t.Ways())
}

// Ways returns the hints as a table.
func (t HowTo) Ways() string {
	var out strings.Builder
	for _, h := range t.Hints() {
		fmt.Fprintf(&out, "  %-9s %s\n", h.Client, strings.ReplaceAll(h.before+h.How+h.after, "\n", "\n            "))
	}
	if t.CA != "" {
		fmt.Fprintf(&out, "\nIts certificate is of the drive's own authority: postern trust has this machine accept it; or "+
			"name %s\nto a program, as curl --cacert and rclone --ca-cert take it.\n", t.CA)
	}
	return out.String()
}

// ShellQuote makes one word of a path for the shell, inside double quotes.
func ShellQuote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+", r)
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
