// Package trust has the programs of a machine accept the drive's certificate authority, or no longer.
//
// It plans commands of the system instead of writing into stores itself, and instead of using smallstep/truststore,
// which does: the same lines can then be shown to whom this process' rights do not suffice for, and on Windows it is
// the machine's store that counts for Explorer (the WebClient service), where that library writes to the user's.
package trust

import (
	"path/filepath"
	"strings"

	"postern/cmd/postern/system"
)

// CA is the authority's certificate.
type CA struct {
	File        string // path, in PEM
	Name        string // unique, as stores list it
	Fingerprint string // SHA-1 in hex
}

// stores are the ways in which Unix systems trust an authority: a folder of certificates, and the program that reads
// it.
var stores = []struct {
	folder, ending string
	update, fresh  []string // after a certificate was added, after one was removed
}{
	// Debian, Ubuntu, Alpine
	{"/usr/local/share/ca-certificates", ".crt",
		[]string{"update-ca-certificates"}, []string{"update-ca-certificates", "--fresh"}},
	// Fedora and its kin
	{"/etc/pki/ca-trust/source/anchors", ".pem", []string{"update-ca-trust", "extract"}, nil},
	// Arch
	{"/etc/ca-certificates/trust-source/anchors", ".crt", []string{"update-ca-trust"}, nil},
	// openSUSE
	{"/usr/share/pki/trust/anchors", ".pem", []string{"update-ca-certificates"}, nil},
	// FreeBSD
	{"/usr/local/etc/ssl/certs", ".pem", []string{"certctl", "rehash"}, nil},
}

// databases are the certificate stores (NSS) of browsers on Unix systems, below a user's home. They do not look into
// the system's store.
var databases = []struct{ pattern, whose string }{
	{".pki/nssdb", "Chromium"},
	{".local/share/pki/nssdb", "Chromium"},
	{"snap/chromium/current/.pki/nssdb", "Chromium"},
	{".mozilla/firefox/*", "Firefox"},
	{".config/mozilla/firefox/*", "Firefox"},
	{"snap/firefox/common/.mozilla/firefox/*", "Firefox"},
	{".var/app/org.mozilla.firefox/.mozilla/firefox/*", "Firefox"},
}

// browsers are the programs that make a database at their first run, which may be still to come.
var browsers = []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge",
	"brave-browser"}

// Plan returns the steps by which a system trusts the authority, or with remove no longer does, and the stores for
// which it has no plan, with the reason.
func Plan(f system.Facts, ca CA, remove bool) (steps []system.Step, missing []string) {
	switch f.OS {
	case "windows":
		return windows(f, ca, remove), nil
	case "darwin":
		return darwin(f, ca, remove), nil
	}
	steps = unixStore(f, ca, remove)
	if steps == nil {
		missing = append(missing, "this system has no store that Postern knows: have programs trust "+ca.File+" one by one")
	}
	more, lacking := nss(f, ca, remove)
	return append(steps, more...), append(missing, lacking...)
}

func unixStore(f system.Facts, ca CA, remove bool) []system.Step {
	for _, s := range stores {
		if !f.Exists(s.folder) || !f.Has(s.update[0]) {
			continue
		}
		file := filepath.ToSlash(filepath.Join(s.folder, strings.ReplaceAll(strings.ToLower(ca.Name), " ", "-")+s.ending))
		if !remove {
			return []system.Step{
				{Does: "puts the certificate beside the system's", Args: []string{"install", "-m", "644", ca.File, file},
					Admin: true},
				{Does: "has the system trust it (curl, rclone, davfs2, GNOME, KDE)", Args: s.update, Admin: true},
			}
		}
		update := s.fresh
		if update == nil {
			update = s.update
		}
		return []system.Step{
			{Does: "takes the certificate away from beside the system's", Args: []string{"rm", "-f", file}, Admin: true},
			{Does: "has the system forget it", Args: update, Admin: true},
		}
	}
	return nil
}

func nss(f system.Facts, ca CA, remove bool) (steps []system.Step, missing []string) {
	if f.Admin && f.Getenv("SUDO_USER") != "" { // whose browsers' stores would become root's
		return nil, []string{"browsers keep their own list for each user: for yours, run this without sudo"}
	}
	home := f.Getenv("HOME")
	found := map[string]string{} // folder → whose
	var order []string
	for _, d := range databases {
		for _, file := range f.Glob(filepath.Join(home, d.pattern, "cert9.db")) {
			folder := filepath.Dir(file)
			found[folder] = d.whose
			order = append(order, folder)
		}
	}
	if len(order) == 0 && !remove && f.Has("certutil") {
		for _, b := range browsers {
			if f.Has(b) {
				folder := filepath.Join(home, ".pki", "nssdb")
				steps = append(steps,
					system.Step{Does: "makes a folder for Chromium's certificates", Args: []string{"mkdir", "-p", "-m", "700",
						folder}},
					system.Step{Does: "begins Chromium's store", Args: []string{"certutil", "-N", "-d", "sql:" + folder,
						"--empty-password"}})
				found[folder], order = "Chromium", append(order, folder)
				break
			}
		}
	}
	if len(order) > 0 && !f.Has("certutil") {
		return nil, []string{"the browsers here keep their own list of whom they trust, for which certutil is needed: " +
			"install libnss3-tools (Debian, Ubuntu) or nss-tools, and run this again; or import " + ca.File +
			" in the browser's settings"}
	}
	for _, folder := range order {
		step := system.Step{Does: "has " + found[folder] + " trust it", Args: []string{"certutil", "-A", "-d",
			"sql:" + folder, "-t", "C,,", "-n", ca.Name, "-i", ca.File}}
		if remove {
			step = system.Step{Does: "has " + found[folder] + " forget it", Args: []string{"certutil", "-D", "-d",
				"sql:" + folder, "-n", ca.Name}, Maybe: true}
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// darwin uses the user's own keychain, which Finder, Safari, curl and rclone look into. The system asks whether it may.
func darwin(f system.Facts, ca CA, remove bool) []system.Step {
	keychain := filepath.ToSlash(filepath.Join(f.Getenv("HOME"), "Library/Keychains/login.keychain-db"))
	var domain []string
	if f.Admin {
		keychain, domain = "/Library/Keychains/System.keychain", []string{"-d"}
	}
	args := func(before, after []string) []string {
		return append(append(append([]string{"security"}, before...), domain...), after...)
	}
	if remove {
		return []system.Step{
			{Does: "ends the trust of Finder and all others", Args: args([]string{"remove-trusted-cert"}, []string{ca.File}),
				Admin: f.Admin, Maybe: true},
			{Does: "takes the certificate out of the keychain", Args: []string{"security", "delete-certificate", "-Z",
				strings.ToUpper(ca.Fingerprint), keychain}, Admin: f.Admin, Maybe: true},
		}
	}
	return []system.Step{{Does: "has Finder, Safari, curl, rclone and all others trust it; macOS asks whether it may",
		Args:  args([]string{"add-trusted-cert"}, []string{"-r", "trustRoot", "-p", "ssl", "-k", keychain, ca.File}),
		Admin: f.Admin}}
}

// windows uses the machine's store: the WebClient service, which speaks for Explorer, does not look into a user's.
func windows(f system.Facts, ca CA, remove bool) []system.Step {
	root := f.Getenv("SystemRoot")
	if root == "" {
		root = `C:\Windows`
	}
	certutil := root + `\System32\certutil.exe` // and not NSS's program of that name
	if remove {
		return []system.Step{{Does: "has Windows forget it", Args: []string{certutil, "-delstore", "Root", ca.Fingerprint},
			Admin: true, Maybe: true}}
	}
	return []system.Step{{Does: "has Explorer, browsers, curl and rclone trust it",
		Args: []string{certutil, "-addstore", "-f", "Root", ca.File}, Admin: true}}
}
