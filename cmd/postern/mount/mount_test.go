package mount

import (
	"errors"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/cmd/postern/system"
)

const secret = "s3cret"

func drive(t *testing.T, address string, ca string) Drive {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return Drive{URL: u, User: "alice", Password: secret, CA: []byte(ca)}
}

// machine is a system with some programs, paths and variables (NAME=value).
func machine(goos string, admin bool, there ...string) system.Facts {
	return system.Facts{
		OS: goos, Admin: admin,
		Getenv: func(name string) string {
			for _, v := range there {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value
				}
			}
			return ""
		},
		Has: func(program string) bool { return slices.Contains(there, program) },
		Glob: func(pattern string) []string {
			return slices.DeleteFunc(slices.Clone(there), func(s string) bool { return s != pattern })
		},
	}
}

func TestFor(t *testing.T) {
	const plain, secure, bus = "http://127.0.0.1:8090/", "https://127.0.0.1:8090/", "DBUS_SESSION_BUS_ADDRESS=unix:x"
	for _, c := range []struct {
		name    string
		facts   system.Facts
		address string
		ca      string
		folder  string
		line    string // of the one step
		in      string
		conf    string
		err     error
	}{
		{name: "a desktop", facts: machine("linux", false, "gio", bus), address: plain,
			line: "gio mount dav://alice@127.0.0.1:8090/", in: secret + "\n"},
		{name: "a desktop over TLS", facts: machine("linux", true, "gio", "mount.davfs", bus), address: secure, ca: "CA",
			line: "gio mount davs://alice@127.0.0.1:8090/", in: secret + "\n"},
		{name: "root", facts: machine("linux", true, "gio", "mount.davfs", bus), address: plain, folder: "/mnt",
			line: "mount.davfs -o rw,conf=/s/davfs2.conf,username=alice http://127.0.0.1:8090/ /mnt", in: secret + "\n",
			conf: "buf_size 64\ndelay_upload 0\n"},
		{name: "root for somebody, over TLS", facts: machine("linux", true, "mount.davfs", "SUDO_UID=1000", "SUDO_GID=100"),
			address: secure, ca: "CA", folder: "/mnt/a b",
			line: "mount.davfs -o rw,conf=/s/davfs2.conf,username=alice,uid=1000,gid=100 https://127.0.0.1:8090/ '/mnt/a b'",
			in:   secret + "\n",
			conf: "buf_size 64\ndelay_upload 0\ntrust_ca_cert /s/ca.pem\n"},
		{name: "root names no folder", facts: machine("linux", true, "mount.davfs"), address: plain, err: ErrFolder},
		{name: "a user and a folder", facts: machine("linux", false, "gio", "mount.davfs", bus), address: plain,
			folder: "/mnt", err: ErrRights},
		{name: "a bus without gio", facts: machine("linux", false, bus), address: plain, err: ErrWay},
		{name: "gio without a bus", facts: machine("linux", false, "gio"), address: plain, folder: "/mnt", err: ErrWay},
		{name: "another system", facts: machine("freebsd", true), address: plain, folder: "/mnt", err: ErrWay},
		{name: "Finder", facts: machine("darwin", false), address: secure, ca: "CA", line: "osascript -",
			in: `mount volume "https://127.0.0.1:8090/" as user name "alice" with password "s3cret"` + "\n"},
		{name: "macOS on a folder", facts: machine("darwin", false), address: plain, folder: "/Users/a/Drive",
			line: "mount_webdav -a 0 -v Postern http://127.0.0.1:8090/ /Users/a/Drive",
			in:   "\x00\x00\x00\x05alice\x00\x00\x00\x06s3cret\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"},
		{name: "Windows", facts: machine("windows", false), address: plain,
			line: "net use P: http://127.0.0.1:8090/ /user:alice *"},
		{name: "Windows on a letter", facts: machine("windows", false), address: secure, folder: `q:\`,
			line: "net use Q: https://127.0.0.1:8090/ /user:alice *"},
	} {
		t.Run(c.name, func(t *testing.T) {
			plan, err := For(c.facts, drive(t, c.address, c.ca), c.folder, "/s")
			if !errors.Is(err, c.err) || (err == nil) != (c.err == nil) {
				t.Fatalf("error %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if len(plan.Steps) != 1 || plan.Steps[0].Line(c.facts.OS) != c.line || plan.Steps[0].In != c.in {
				t.Fatalf("steps %+v", plan.Steps)
			}
			conf := ""
			for _, f := range plan.Files {
				if strings.Contains(f.Text, secret) {
					t.Errorf("%s has the password", f.Path)
				}
				if filepath.Base(f.Path) == "davfs2.conf" {
					conf = f.Text
				}
			}
			if conf != c.conf {
				t.Errorf("configuration %q, want %q", conf, c.conf)
			}
			if strings.Contains(plan.Steps[0].Line(c.facts.OS), secret) || slices.Contains(plan.Where.Args, secret) {
				t.Error("the password is an argument")
			}
		})
	}
}

func TestLetters(t *testing.T) {
	plan, err := For(machine("windows", false, `P:\`, `Q:\`), drive(t, "http://127.0.0.1:8090/", ""), "", "")
	if err != nil || plan.Net.Letter != "R:" {
		t.Errorf("%+v, %v", plan.Net, err)
	}
	var all []string
	for _, l := range letters {
		all = append(all, string(l)+`:\`)
	}
	if _, err := For(machine("windows", false, all...), drive(t, "http://127.0.0.1:8090/", ""), "", ""); err == nil {
		t.Error("there is no letter left")
	}
	for _, folder := range []string{"drive", "1:", "PP:", `C:\mnt`} {
		if _, err := For(machine("windows", false), drive(t, "http://127.0.0.1:8090/", ""), folder, ""); err == nil {
			t.Errorf("%q is taken for a letter", folder)
		}
	}
	for address, want := range map[string]string{
		"http://127.0.0.1:8090/": `\\127.0.0.1@8090\DavWWWRoot`, "https://127.0.0.1:8090/": `\\127.0.0.1@SSL@8090\DavWWWRoot`,
		"https://drive.example/": `\\drive.example@SSL\DavWWWRoot`,
		"http://[::1]:8090/":     `\\--1.ipv6-literal.net@8090\DavWWWRoot`,
	} {
		if got := unc(drive(t, address, "")); got != want {
			t.Errorf("%s: %s, want %s", address, got, want)
		}
	}
}

func TestTrouble(t *testing.T) {
	for code, want := range map[uint32]string{67: "WebClient", 85: "letter", 224: "postern trust", 1326: "password",
		5: "Access is denied"} {
		if err := trouble(code, "Access is denied."); !strings.Contains(err.Error(), want) {
			t.Errorf("%d: %v", code, err)
		}
	}
}

// TestLift: the file size is the largest that the registry can say, and logging in is left as it is.
func TestLift(t *testing.T) {
	var all []string
	for _, s := range Lift() {
		if !s.Admin {
			t.Errorf("%v is for everybody", s.Args)
		}
		all = append(all, s.Line("windows"))
	}
	text := strings.Join(all, "\n")
	const key = `reg add HKLM\SYSTEM\CurrentControlSet\Services\WebClient\Parameters /v `
	for _, want := range []string{key + "FileSizeLimitInBytes /t REG_DWORD /d 4294967295 /f",
		key + "FileAttributesLimitInBytes /t REG_DWORD /d 67108864 /f",
		key + "SendReceiveTimeoutInSec /t REG_DWORD /d 3600 /f", "sc config WebClient start= auto",
		"net stop WebClient\nnet start WebClient"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "BasicAuthLevel") {
		t.Error("passwords would go over open lines")
	}
}

func TestUndo(t *testing.T) {
	const bus = "DBUS_SESSION_BUS_ADDRESS=unix:x"
	linux := "proc on /proc type proc (rw)\n" +
		"http://127.0.0.1:8090/ on /mnt/a type b type fuse (rw,uid=0)\n" +
		"http://127.0.0.1:8090/x on /mnt/c type fuse (rw)\n"
	mac := "http://127.0.0.1:8090/ on /Volumes/127.0.0.1 (1) (webdav, nodev, mounted by a)\n"
	for _, c := range []struct {
		name            string
		facts           system.Facts
		folder, mounted string
		want            string
		fails           bool
	}{
		{"Linux", machine("linux", true), "", linux, "sudo umount '/mnt/a type b'", false},
		{"Linux, a folder", machine("linux", true, "gio", bus), "/mnt", linux, "sudo umount /mnt", false},
		{"a desktop", machine("linux", false, "gio", bus), "", "", "gio mount -u dav://alice@127.0.0.1:8090/", false},
		{"nowhere", machine("linux", false), "", "", "", false},
		{"macOS", machine("darwin", false), "", mac, "umount '/Volumes/127.0.0.1 (1)'", false},
		{"Windows", machine("windows", false), "P:", "", "net use P: /delete", false},
		{"Windows, no letter", machine("windows", false), "", "", "", true},
	} {
		steps, err := Undo(c.facts, drive(t, "http://127.0.0.1:8090/", ""), c.folder, c.mounted)
		var got []string
		for _, s := range steps {
			got = append(got, s.Line(c.facts.OS))
		}
		if strings.Join(got, "\n") != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %q, %v", c.name, got, err)
		}
	}
}
