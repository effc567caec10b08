package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
)

// apacheModules is where Debian's apache2 has its modules.
const apacheModules = "/usr/lib/apache2/modules"

// newApache returns Apache's mod_dav on a plain folder: a private instance with a configuration of its own.
func newApache(binary, dir string) *server {
	return &server{
		name: "apache", dir: filepath.Join(dir, "apache"), files: "/", kinds: bodies | entries1 | listings,
		start: func(s *server, addr string) (*exec.Cmd, error) {
			conf, err := writeApacheConfig(s.dir, addr)
			if err != nil {
				return nil, fmt.Errorf("configure apache2: %w", err)
			}
			return exec.Command(binary, "-f", conf, "-DFOREGROUND"), nil
		},
	}
}

// findApache returns the path of apache2, or a sentence why there is none.
func findApache() (path, why string) {
	path, err := exec.LookPath("apache2")
	if err != nil {
		path = "/usr/sbin/apache2" // which is in no user's path
		if _, err := os.Stat(path); err != nil {
			return "", "apache2 is not installed, so Apache is left out."
		}
	}
	if _, err := os.Stat(filepath.Join(apacheModules, "mod_dav_fs.so")); err != nil {
		return "", "apache2 has no mod_dav_fs in " + apacheModules + ", so Apache is left out."
	}
	return path, ""
}

func writeApacheConfig(dir, addr string) (path string, err error) {
	data := filepath.Join(dir, "data")
	if err := os.MkdirAll(filepath.Join(data, "files"), 0o755); err != nil { //nolint:gosec // for the workers' user
		return "", err
	}
	workers := ""
	if os.Getuid() == 0 { // apache2 does not serve as root
		if workers, err = giveToWorkers(dir, data); err != nil {
			return "", err
		}
	}
	text := fmt.Sprintf(`ServerRoot %[1]q
ServerName localhost
Listen %[2]s
PidFile "%[1]s/pid"
DefaultRuntimeDir %[1]q
ErrorLog "%[1]s/error.log"
LogLevel crit
LoadModule mpm_event_module %[3]s/mod_mpm_event.so
LoadModule authz_core_module %[3]s/mod_authz_core.so
LoadModule dav_module %[3]s/mod_dav.so
LoadModule dav_fs_module %[3]s/mod_dav_fs.so
%[4]s
KeepAlive On
MaxKeepAliveRequests 0
LimitRequestBody 0
DavLockDB "%[5]s/lock"
DocumentRoot "%[5]s/files"
<Directory "%[5]s/files">
  Dav On
  Require all granted
</Directory>
`, dir, addr, apacheModules, workers, data)
	path = filepath.Join(dir, "apache2.conf")
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// giveToWorkers makes the workers' user own the data, and returns the directives that name that user.
func giveToWorkers(dir, data string) (string, error) {
	who, err := user.Lookup("www-data")
	if err != nil {
		return "", err
	}
	uid, err := strconv.Atoi(who.Uid)
	if err != nil {
		return "", err
	}
	gid, err := strconv.Atoi(who.Gid)
	if err != nil {
		return "", err
	}
	// The workers must reach the folder; only its owner may read the files beside it.
	err = errors.Join(os.Chown(data, uid, gid), os.Chown(filepath.Join(data, "files"), uid, gid),
		os.Chmod(dir, 0o711), os.Chmod(filepath.Dir(dir), 0o711)) //nolint:gosec // as it says
	return "User www-data\nGroup www-data", err
}
