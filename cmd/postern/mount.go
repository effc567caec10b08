package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// howTo is what a user needs to reach the drive.
type howTo struct {
	address  string // as listened on, host:port
	user     string
	password string // empty: not to be shown
	where    string // the file that holds the password, or the variable that set it
}

// base is the address as clients write it. A drive that listens everywhere is reached by the loopback name here.
func (t howTo) base() *url.URL {
	host, port, err := net.SplitHostPort(t.address)
	if ip := net.ParseIP(host); err == nil && (host == "" || ip != nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: "/"}
}

// short is one line: where the drive is and how to log in.
func (t howTo) short() string {
	return fmt.Sprintf("The drive is at %s for the user %s, with the password %s.\n", t.base(), t.user, t.place())
}

func (t howTo) place() string {
	if strings.HasPrefix(t.where, "$") {
		return "that " + t.where + " sets"
	}
	return "in " + t.where
}

// command is how a shell gets the password.
func (t howTo) command() string {
	if strings.HasPrefix(t.where, "$") {
		return t.where
	}
	return "$(cat " + shellQuote(t.where) + ")"
}

// long says how to mount with every client that people have.
func (t howTo) long() string {
	base := t.base()
	with := func(scheme string) string {
		u := *base
		u.Scheme, u.User = scheme, url.User(t.user)
		return u.String()
	}
	login := fmt.Sprintf("user %s, password %s", t.user, t.place())
	if t.password != "" {
		login = fmt.Sprintf("user %s, password %s  (also in %s)", t.user, t.password, t.where)
	}
	return fmt.Sprintf(`The drive is at %[1]s
    %[2]s

  macOS     Finder: Go > Connect to Server (Cmd-K), %[1]s
  Windows   net use P: %[1]s /user:%[3]s *
  GNOME     gio mount %[4]s      or Files: Other Locations, the same address
  KDE       dolphin %[5]s
  davfs2    sudo mount -t davfs -o uid=$(id -u) %[1]s /mnt
            (on Linux 6.16 and newer with "buf_size 64" in /etc/davfs2/davfs2.conf)
  rclone    rclone config create drive webdav url=%[1]s vendor=owncloud user=%[3]s pass="%[6]s" --obscure
            rclone sync ~/Documents drive:files/Documents
  browser   %[1]s

Your files are in the folder "files". Ctrl-C ends the drive; what is in it stays.
`, base, login, t.user, with("dav"), with("webdav"), t.command())
}

// shellQuote makes one word of a path for the shell, inside double quotes.
func shellQuote(path string) string {
	if !strings.ContainsFunc(path, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+", r)
	}) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
