package trust

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"postern/cmd/postern/system"
)

var ca = CA{File: "/h/tls/ca.pem", Name: "Postern local authority 0a1b2c3d", Fingerprint: "aabb"}

// machine is a system of which only some programs and files are there.
func machine(goos string, admin bool, there ...string) system.Facts {
	return system.Facts{
		OS: goos, Admin: admin,
		Getenv: func(name string) string { return map[string]string{"HOME": "/u", "SystemRoot": `C:\Win`}[name] },
		Has:    func(program string) bool { return slices.Contains(there, program) },
		Glob: func(pattern string) (found []string) {
			for _, path := range there {
				if ok, err := filepath.Match(pattern, path); err == nil && ok {
					found = append(found, path)
				}
			}
			return found
		},
	}
}

// sudo is a machine on which somebody has become root.
func sudo(f system.Facts) system.Facts {
	before := f.Getenv
	f.Getenv = func(name string) string {
		if name == "SUDO_USER" {
			return "alice"
		}
		return before(name)
	}
	return f
}

func lines(goos string, steps []system.Step) (all []string) {
	for _, s := range steps {
		all = append(all, s.Line(goos))
	}
	return all
}

func TestPlan(t *testing.T) {
	const debian, fedora = "/usr/local/share/ca-certificates", "/etc/pki/ca-trust/source/anchors"
	for _, c := range []struct {
		name            string
		facts           system.Facts
		install, remove []string
		missing         string
	}{
		{"Debian", machine("linux", false, debian, "update-ca-certificates"),
			[]string{"sudo install -m 644 /h/tls/ca.pem " + debian + "/postern-local-authority-0a1b2c3d.crt",
				"sudo update-ca-certificates"},
			[]string{"sudo rm -f " + debian + "/postern-local-authority-0a1b2c3d.crt", "sudo update-ca-certificates --fresh"},
			""},
		{"Fedora, where Debian's folder is there too", machine("linux", true, debian, fedora, "update-ca-trust"),
			[]string{"sudo install -m 644 /h/tls/ca.pem " + fedora + "/postern-local-authority-0a1b2c3d.pem",
				"sudo update-ca-trust extract"},
			[]string{"sudo rm -f " + fedora + "/postern-local-authority-0a1b2c3d.pem", "sudo update-ca-trust extract"}, ""},
		{"no store", machine("linux", true), nil, nil, "no store that Postern knows"},
		{"browsers with stores", machine("linux", true, fedora, "update-ca-trust", "certutil", "/u/.pki/nssdb/cert9.db",
			"/u/.mozilla/firefox/x.default/cert9.db"),
			[]string{"sudo install -m 644 /h/tls/ca.pem " + fedora + "/postern-local-authority-0a1b2c3d.pem",
				"sudo update-ca-trust extract",
				"certutil -A -d sql:/u/.pki/nssdb -t C,, -n 'Postern local authority 0a1b2c3d' -i /h/tls/ca.pem",
				"certutil -A -d sql:/u/.mozilla/firefox/x.default -t C,, -n 'Postern local authority 0a1b2c3d' -i /h/tls/ca.pem"},
			[]string{"sudo rm -f " + fedora + "/postern-local-authority-0a1b2c3d.pem", "sudo update-ca-trust extract",
				"certutil -D -d sql:/u/.pki/nssdb -n 'Postern local authority 0a1b2c3d'",
				"certutil -D -d sql:/u/.mozilla/firefox/x.default -n 'Postern local authority 0a1b2c3d'"}, ""},
		{"a browser that never ran", machine("freebsd", true, "/usr/local/etc/ssl/certs", "certctl", "certutil", "chromium"),
			[]string{"sudo install -m 644 /h/tls/ca.pem /usr/local/etc/ssl/certs/postern-local-authority-0a1b2c3d.pem",
				"sudo certctl rehash",
				"mkdir -p -m 700 /u/.pki/nssdb", "certutil -N -d sql:/u/.pki/nssdb --empty-password",
				"certutil -A -d sql:/u/.pki/nssdb -t C,, -n 'Postern local authority 0a1b2c3d' -i /h/tls/ca.pem"},
			[]string{"sudo rm -f /usr/local/etc/ssl/certs/postern-local-authority-0a1b2c3d.pem", "sudo certctl rehash"}, ""},
		{"a store of a browser, and nothing to write it with", machine("linux", true, debian, "update-ca-certificates",
			"/u/.pki/nssdb/cert9.db"),
			[]string{"sudo install -m 644 /h/tls/ca.pem " + debian + "/postern-local-authority-0a1b2c3d.crt",
				"sudo update-ca-certificates"},
			[]string{"sudo rm -f " + debian + "/postern-local-authority-0a1b2c3d.crt", "sudo update-ca-certificates --fresh"},
			"install libnss3-tools"},
		{"root by sudo", sudo(machine("linux", true, fedora, "update-ca-trust", "certutil", "/u/.pki/nssdb/cert9.db")),
			[]string{"sudo install -m 644 /h/tls/ca.pem " + fedora + "/postern-local-authority-0a1b2c3d.pem",
				"sudo update-ca-trust extract"},
			[]string{"sudo rm -f " + fedora + "/postern-local-authority-0a1b2c3d.pem", "sudo update-ca-trust extract"},
			"without sudo"},
		{"macOS", machine("darwin", false),
			[]string{"security add-trusted-cert -r trustRoot -p ssl -k /u/Library/Keychains/login.keychain-db /h/tls/ca.pem"},
			[]string{"security remove-trusted-cert /h/tls/ca.pem", "security delete-certificate -Z AABB " +
				"/u/Library/Keychains/login.keychain-db"}, ""},
		{"macOS, all users", machine("darwin", true),
			[]string{"sudo security add-trusted-cert -d -r trustRoot -p ssl " +
				"-k /Library/Keychains/System.keychain /h/tls/ca.pem"},
			[]string{"sudo security remove-trusted-cert -d /h/tls/ca.pem", "sudo security delete-certificate -Z AABB " +
				"/Library/Keychains/System.keychain"}, ""},
		{"Windows", machine("windows", false),
			[]string{`C:\Win\System32\certutil.exe -addstore -f Root /h/tls/ca.pem`},
			[]string{`C:\Win\System32\certutil.exe -delstore Root aabb`}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			steps, missing := Plan(c.facts, ca, false)
			if got := lines(c.facts.OS, steps); !slices.Equal(got, c.install) {
				t.Errorf("install:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.install, "\n"))
			}
			if said := strings.Join(missing, "\n"); (said == "") != (c.missing == "") || !strings.Contains(said, c.missing) {
				t.Errorf("missing: %q", said)
			}
			steps, _ = Plan(c.facts, ca, true)
			if got := lines(c.facts.OS, steps); !slices.Equal(got, c.remove) {
				t.Errorf("remove:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(c.remove, "\n"))
			}
			for _, s := range steps {
				if s.Args[0] == "certutil" && !s.Maybe {
					t.Errorf("%v must be able to fail: the certificate may not be there", s.Args)
				}
			}
		})
	}
}
