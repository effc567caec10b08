package main

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// howTo is what a user needs to reach the drive.
type howTo struct {
	url      *url.URL
	ca       string // the certificate of the drive's own authority; empty: not needed
	user     string
	password string // empty: not to be shown
	where    string // the file that holds the password, or the variable that set it
}

// driveURL is an address that is listened at as clients write it. A drive that listens everywhere is reached by the loopback name here;
// name is by what clients have to know it, or empty.
func driveURL(address, name string, secure bool) *url.URL {
	host, port, err := net.SplitHostPort(address)
	if err == nil && everywhere(host) {
		host = "127.0.0.1"
	}
	return &url.URL{Scheme: ifElse(secure, "https", "http"), Host: net.JoinHostPort(cmp.Or(name, host), port), Path: "/"}
}

// with is the address under another name of the protocol, which has an s over TLS, with the user's name.
func (t howTo) with(scheme string) string {
	u := *t.url
	u.Scheme, u.User = strings.Replace(u.Scheme, "http", scheme, 1), url.User(t.user)
	return u.String()
}

// hint is how one client reaches the drive.
type hint struct {
	client string
	before string // what comes before the command or address
	how    string // the command or address, as it is typed
	after  string // what comes after it; may begin a new line
}

// hints are the ways to the drive, for all who tell of them: serve, mount and the README.
func (t howTo) hints() []hint {
	base := t.url.String()
	return []hint{
		{"this", "", "postern mount", "  does what fits this machine; postern mount --print tells how"},
		{"macOS", "Finder: Go > Connect to Server (Cmd-K), ", base, ""},
		{"Windows", "", "net use P: " + base + " /user:" + t.user + " *", ""},
		{"GNOME", "", "gio mount " + t.with("dav"), "      or Files: Other Locations, the same address"},
		{"KDE", "", "dolphin " + t.with("webdav"), ""},
		{"davfs2", "", "sudo mount -t davfs -o uid=$(id -u) " + base + " /mnt", "\n(on Linux 6.16 and newer with \"buf_size 64\" in /etc/davfs2/davfs2.conf)"},
		{"rclone", "", "rclone config create drive webdav url=" + strings.TrimSuffix(base, "/") + " vendor=owncloud pacer_min_sleep=1ms user=" + t.user + " pass=\"" + t.command() + "\" --obscure",
			"\nrclone sync ~/Documents drive:files/Documents"},
		{"browser", "", base, ""},
	}
}

// short is one line: where the drive is and how to log in.
func (t howTo) short() string {
	return fmt.Sprintf("The drive is at %s for the user %s, with the password %s.\n", t.url, t.user, t.place())
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
	login := fmt.Sprintf("user %s, password %s", t.user, t.place())
	if t.password != "" {
		login = fmt.Sprintf("user %s, password %s  (also in %s)", t.user, t.password, t.where)
	}
	return fmt.Sprintf("The drive is at %s\n    %s\n\n%s\nYour files are in the folder \"files\". Ctrl-C ends the drive; what is in it stays.\n", t.url, login, t.ways())
}

// ways are the hints as a table.
func (t howTo) ways() string {
	var out strings.Builder
	for _, h := range t.hints() {
		fmt.Fprintf(&out, "  %-9s %s\n", h.client, strings.ReplaceAll(h.before+h.how+h.after, "\n", "\n            "))
	}
	if t.ca != "" {
		fmt.Fprintf(&out, "\nIts certificate is of the drive's own authority: postern trust has this machine accept it; or name %s\nto a program, as curl --cacert and rclone --ca-cert take it.\n", t.ca)
	}
	return out.String()
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
