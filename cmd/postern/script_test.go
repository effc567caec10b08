package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"postern/cmd/postern/control"
	"postern/crypto"
	"postern/remote"
	"postern/remote/disk"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

func TestMain(m *testing.M) {
	// A story waits for its processes most of the time, so more of them run at once than there are processors.
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"postern": main})
}

// TestScripts runs the stories in testdata/script, each in a folder and with a home of its own. They read like a
// manual.
func TestScripts(t *testing.T) {
	runScripts(t, testscript.Params{Dir: "testdata/script"}, func(*testscript.Env) error { return nil })
}

// inBucket are the stories that do not look into the files of a store, and need none beside their own.
var inBucket = []string{"away", "break-locks", "damaged", "first-run", "fork", "fsck", "gc", "history", "hostile-names",
	"in-use", "init-login", "inspect", "journal", "locks", "memory", "mirror-kinds", "passwd", "password", "pin",
	"probes", "recover", "remote-speed", "staging", "through"}

// TestScriptsInBucket runs stories again with drives in buckets.
func TestScriptsInBucket(t *testing.T) {
	for name, start := range map[string]func(testing.TB) func() s3.Place{
		"gofakes3": s3test.Fake, "versitygw": s3test.Versity,
	} {
		t.Run(name, func(t *testing.T) {
			fresh := start(t)
			var files []string
			for _, name := range inBucket {
				files = append(files, filepath.Join("testdata", "script", name+".txtar"))
			}
			files = append(files, filepath.Join("testdata", "bucket", "portal.txtar"))
			runScripts(t, testscript.Params{Files: files}, func(e *testscript.Env) error {
				front, place := s3test.Before(t, fresh())
				e.Values[frontKey{}] = front
				made, err := s3.Open(t.Context(), place, s3.Options{})
				if err != nil {
					return err
				}
				e.Setenv("REMOTE", place.String())
				e.Setenv("POSTERN_REMOTE", place.String())
				e.Setenv("AWS_ACCESS_KEY_ID", s3test.AccessKey)
				e.Setenv("AWS_SECRET_ACCESS_KEY", s3test.SecretKey)
				return made.Close()
			})
		})
	}
}

// frontKey is the key of a story's server in front of its bucket.
type frontKey struct{}

// cmdInstead is "instead page|CODE|nothing": from now on, a page for people or an error of the store answers all
// requests to the bucket, or the store does again.
func cmdInstead(ts *testscript.TestScript, neg bool, args []string) {
	front, ok := ts.Value(frontKey{}).(*s3test.Front)
	if neg || !ok || len(args) != 1 {
		ts.Fatalf("usage, with a bucket: instead page|CODE|nothing")
	}
	switch args[0] {
	case "nothing":
		front.Set(nil)
	case "page":
		front.Set(func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html><body>Welcome to our hotel. Please log in.</body></html>")
			return true
		})
	default:
		front.Set(func(w http.ResponseWriter, _ *http.Request) bool {
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, "<Error><Code>"+args[0]+"</Code></Error>")
			return true
		})
	}
}

// cmdStore is "store away" or "store back": nothing is reachable where the store was, or it is there again.
func cmdStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "away" && args[0] != "back" {
		ts.Fatalf("usage: store away|back")
	}
	front, bucket := ts.Value(frontKey{}).(*s3test.Front)
	from, to := ts.MkAbs(strings.TrimPrefix(ts.Getenv("REMOTE"), "disk:")), ts.MkAbs("unplugged")
	switch {
	case bucket && args[0] == "away":
		front.Set(func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) })
	case bucket:
		front.Set(nil)
	case args[0] == "away":
		ts.Check(os.Rename(from, to))
	default:
		ts.Check(os.Rename(to, from))
	}
}

// cmdBlobs is "blobs name", which sets $BLOB to the name of a blob at the remote, or "blobs lose SIZE", which deletes
// there all blobs of at least so many bytes.
func cmdBlobs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 && (len(args) != 1 || args[0] != "name") {
		ts.Fatalf("usage: blobs name, or blobs lose SIZE")
	}
	store, err := openBlobs(ts)
	ts.Check(err)
	defer store.Close()
	var least int64
	if args[0] == "lose" {
		least, err = strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
	}
	lost := 0
	for info, err := range store.List(context.Background()) {
		ts.Check(err)
		ts.Setenv("BLOB", info.Name.String())
		if least > 0 && info.Size >= least {
			ts.Check(store.Delete(context.Background(), info.Name))
			lost++
		}
	}
	if least > 0 && lost == 0 {
		ts.Fatalf("no blob has %d bytes", least)
	}
}

// openBlobs opens the store of a story: $POSTERN_REMOTE, or the folder in its home.
func openBlobs(ts *testscript.TestScript) (remote.Store, error) {
	rest, bucket := strings.CutPrefix(ts.Getenv("POSTERN_REMOTE"), "s3:")
	if !bucket {
		return disk.Open(ts.MkAbs("home/remote"), disk.Options{Existing: true})
	}
	place, err := s3.ParsePlace(rest)
	if err != nil {
		return nil, err
	}
	return s3.Open(context.Background(), place, s3.Options{Existing: true})
}

// runScripts runs stories. setup adds to the environment of each.
func runScripts(t *testing.T, p testscript.Params, setup func(*testscript.Env) error) {
	p.RequireExplicitExec, p.RequireUniqueNames = true, true
	p.Setup = func(e *testscript.Env) error {
		e.Setenv("POSTERN_HOME", filepath.Join(e.WorkDir, "home"))
		e.Setenv("POSTERN_ADDR", "127.0.0.1:0")
		e.Setenv("REMOTE", "disk:remote")
		return setup(e)
	}
	p.Cmds = map[string]func(*testscript.TestScript, bool, []string){
		"fails":     cmdFails,
		"dav":       cmdDAV,
		"words":     cmdWords,
		"smalldisk": cmdSmallDisk,
		"append":    cmdAppend,
		"flip":      cmdFlip,
		"same":      cmdSame,
		"address":   cmdAddress,
		"pointers":  cmdPointers,
		"blobs":     cmdBlobs,
		"instead":   cmdInstead,
		"store":     cmdStore,
	}
	p.Condition = func(cond string) (bool, error) {
		if cond == "user" {
			return os.Getuid() > 0, nil // somebody whom file modes keep out
		}
		return false, fmt.Errorf("unknown condition %q", cond)
	}
	testscript.Run(t, p)
}

// cmdPointers is "pointers save FOLDER" or "pointers restore FOLDER": an operator of $REMOTE copies all its pointers to
// a folder, or back.
func cmdPointers(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || args[0] != "save" && args[0] != "restore" {
		ts.Fatalf("usage: pointers save|restore FOLDER")
	}
	saved := ts.MkAbs(args[1])
	rest, bucket := strings.CutPrefix(ts.Getenv("REMOTE"), "s3:")
	if !bucket {
		from, to := ts.MkAbs(strings.TrimPrefix(ts.Getenv("REMOTE"), "disk:")+"/pointers"), saved
		if args[0] == "restore" {
			from, to = to, from
		}
		ts.Check(ts.Exec("cp", "-rT", from, to))
		return
	}
	place, err := s3.ParsePlace(rest)
	ts.Check(err)
	if args[0] == "save" {
		objects, err := s3test.Save(context.Background(), place, "pointers")
		ts.Check(err)
		ts.Check(os.Mkdir(saved, 0o700))
		for key, body := range objects {
			ts.Check(os.WriteFile(filepath.Join(saved, path.Base(key)), body, 0o600))
		}
		return
	}
	files, err := os.ReadDir(saved)
	ts.Check(err)
	objects := map[string][]byte{}
	for _, f := range files {
		body, err := os.ReadFile(filepath.Join(saved, f.Name()))
		ts.Check(err)
		objects[path.Join(place.Prefix, "pointers", f.Name())] = body
	}
	ts.Check(s3test.Restore(context.Background(), place, objects))
}

// cmdFails is "fails CODE postern …": the command ends with that exit code and says why in one sentence on stderr.
func cmdFails(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE command…")
	}
	err := ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		ts.Fatalf("it did not fail: %v", err)
	}
	if want, err := strconv.Atoi(args[0]); err != nil || exit.ExitCode() != want {
		ts.Fatalf("exit code %d instead of %s", exit.ExitCode(), args[0])
	}
	said := ""
	for line := range strings.Lines(ts.ReadFile("stderr")) {
		if !strings.HasPrefix(line, "time=") { // the log of a gateway that got so far
			said += line
		}
	}
	if !strings.HasPrefix(said, "postern: ") || strings.Count(said, "\n") != 1 {
		ts.Fatalf("this is not one sentence: %q", said)
	}
}

// cmdDAV is "dav CODE METHOD PATH [FILE [header: value…]]": a request to the gateway that runs on $POSTERN_HOME, with
// the drive's password unless $ANONYMOUS is set. The answer's body is the script's stdout.
func cmdDAV(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: dav CODE METHOD PATH [FILE [header: value…]]")
	}
	home := ts.Getenv("POSTERN_HOME")
	status, err := control.NewClient(filepath.Join(home, "control.sock")).Status(context.Background())
	ts.Check(err)
	var body io.Reader
	if len(args) > 3 && args[3] != "-" {
		body = strings.NewReader(ts.ReadFile(args[3]))
	}
	req, err := http.NewRequestWithContext(context.Background(), args[1], strings.TrimSuffix(status.URL, "/")+args[2],
		body)
	ts.Check(err)
	for i := 4; i < len(args); i++ {
		name, value, _ := strings.Cut(args[i], ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
	}
	if ts.Getenv("ANONYMOUS") == "" {
		password := ts.Getenv("POSTERN_DAV_PASSWORD")
		if password == "" {
			password = strings.TrimSpace(ts.ReadFile(filepath.Join(home, "dav-password")))
		}
		req.SetBasicAuth(status.User, password)
	}
	client := http.Client{Transport: &http.Transport{}}
	if pem, err := os.ReadFile(filepath.Join(home, "tls", "ca.pem")); err == nil {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(pem)
		client.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	}
	defer client.CloseIdleConnections()
	resp, err := client.Do(req)
	ts.Check(err)
	defer func() { _ = resp.Body.Close() }()
	answer, err := io.ReadAll(resp.Body)
	ts.Check(err)
	if strconv.Itoa(resp.StatusCode) != args[0] {
		ts.Fatalf("%s %s: %s instead of %s: %.500s", args[1], args[2], resp.Status, args[0], answer)
	}
	_, _ = ts.Stdout().Write(answer)
}

// cmdWords is "words FILE": moves the recovery words that the last command left in the home to a file. "! words" fails
// if it showed any, or left them.
func cmdWords(ts *testscript.TestScript, neg bool, args []string) {
	for line := range strings.Lines(ts.ReadFile("stdout")) {
		if strings.HasPrefix(line, "    ") && len(strings.Fields(line)) == 6 {
			ts.Fatalf("recovery words were shown where no terminal is")
		}
	}
	left := filepath.Join(ts.Getenv("POSTERN_HOME"), "recovery-words")
	info, err := os.Stat(left)
	if neg {
		if err == nil {
			ts.Fatalf("recovery words were left")
		}
		return
	}
	ts.Check(err)
	if info.Mode().Perm() != 0o600 {
		ts.Fatalf("others can read the recovery words: %v", info.Mode())
	}
	if n := len(strings.Fields(ts.ReadFile(left))); len(args) != 1 || n != crypto.WordCount {
		ts.Fatalf("there are %d recovery words", n)
	}
	ts.Check(os.Rename(left, ts.MkAbs(args[0])))
}

// cmdSmallDisk is "smalldisk FOLDER SIZE": mounts an empty disk of so many bytes, where the system lets us; else the
// story ends here.
func cmdSmallDisk(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: smalldisk FOLDER SIZE")
	}
	folder := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(folder, 0o700))
	mount := exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", folder)
	if runtime.GOOS != "linux" || mount.Run() != nil {
		ts.Logf("no disk can be mounted here")
		ts.Check(os.WriteFile(ts.MkAbs("no-disk"), nil, 0o600))
		return
	}
	ts.Defer(func() { _ = exec.Command("umount", "-l", folder).Run() })
}

// cmdAppend is "append FILES TEXT": adds bytes at the end of the newest file of a pattern.
func cmdAppend(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: append FILES TEXT")
	}
	path := newest(ts, args[0])
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	ts.Check(err)
	_, err = file.WriteString(args[1])
	ts.Check(errors.Join(err, file.Close()))
}

// cmdFlip is "flip FILES OFFSET": flips a bit of the newest file of a pattern; a negative offset counts from the end.
func cmdFlip(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: flip FILES OFFSET")
	}
	path := newest(ts, args[0])
	data, err := os.ReadFile(path)
	ts.Check(err)
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	if at < 0 {
		at += len(data)
	}
	if at < 0 || at >= len(data) {
		ts.Fatalf("%s has only %d bytes", path, len(data))
	}
	data[at] ^= 1
	ts.Check(os.WriteFile(path, data, 0o600))
}

func newest(ts *testscript.TestScript, pattern string) string {
	paths, err := filepath.Glob(ts.MkAbs(pattern))
	ts.Check(err)
	var found string
	var at int64
	for _, path := range paths {
		info, err := os.Stat(path)
		ts.Check(err)
		if info.Mode().IsRegular() && info.ModTime().UnixNano() >= at {
			found, at = path, info.ModTime().UnixNano()
		}
	}
	if found == "" {
		ts.Fatalf("no file %s", pattern)
	}
	return found
}

// cmdSame is "same FOLDER FOLDER": both hold the same files with the same bytes. "! same" wants a difference.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: same FOLDER FOLDER")
	}
	a, b := listing(ts, ts.MkAbs(args[0])), listing(ts, ts.MkAbs(args[1]))
	if (a == b) == neg {
		ts.Fatalf("%s\n--- and ---\n%s", a, b)
	}
}

// listing is every file below a folder with a digest of its bytes.
func listing(ts *testscript.TestScript, folder string) string {
	var out bytes.Buffer
	err := filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		_, _ = fmt.Fprintf(&out, "%s %d %x\n", strings.TrimPrefix(path, folder), len(data), data[:min(len(data), 64)])
		return err
	})
	ts.Check(err)
	return out.String()
}

// cmdAddress is "address VARIABLE": puts the address of the running gateway into a variable.
func cmdAddress(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: address VARIABLE")
	}
	status, err := control.NewClient(filepath.Join(ts.Getenv("POSTERN_HOME"), "control.sock")).Status(context.Background())
	ts.Check(err)
	ts.Setenv(args[0], status.Address)
}
