// Package system runs commands of the operating system, or prints them for the user to type. Plain functions elsewhere
// turn Facts into Steps, so that the steps for every system can be tested on any.
package system

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// patience bounds one command. Some ask their user something meanwhile.
const patience = 2 * time.Minute

// Step is one command.
type Step struct {
	Does  string   // what it does, such as "trusts it in Firefox"
	Args  []string // program and arguments; nothing of it is secret
	In    string   // what it reads, which may be secret and is never shown; in Args, nothing is
	Admin bool     // needs an administrator's rights
	Maybe bool     // it may fail, since what it undoes may not be there
}

// Facts are what plans depend on.
type Facts struct {
	OS     string                    // as runtime.GOOS
	Admin  bool                      // whether the process has an administrator's rights
	Getenv func(string) string       // of the process
	Has    func(program string) bool // whether a program is installed
	Glob   func(pattern string) []string
}

// Here are the facts of this machine.
func Here(getenv func(string) string) Facts {
	return Facts{
		OS: runtime.GOOS, Admin: admin(), Getenv: getenv,
		Has: func(program string) bool { _, err := find(program); return err == nil },
		Glob: func(pattern string) []string {
			found, err := filepath.Glob(pattern)
			if err != nil {
				return nil // a pattern of ours can't be wrong but by a strange home folder, which then has nothing
			}
			return found
		},
	}
}

// Exists reports whether there is a file or folder.
func (f Facts) Exists(path string) bool { return len(f.Glob(path)) > 0 }

// find looks for a program also where administrators' programs lie, which are not in every user's path.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil || runtime.GOOS == "windows" || strings.Contains(program, "/") {
		return path, err
	}
	for _, folder := range []string{"/usr/sbin", "/sbin", "/usr/local/sbin"} {
		if path, err := exec.LookPath(filepath.Join(folder, program)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// Runner runs steps.
type Runner interface {
	// Run runs one step and returns what it said. The error holds what it said about its failure, as one line.
	Run(ctx context.Context, s Step) (string, error)
}

// Commands is the Runner that runs them.
type Commands struct{}

// Run implements Runner. What the step reads lies in a file without a name, since some programs read theirs twice.
func (Commands) Run(ctx context.Context, s Step) (said string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	path, err := find(s.Args[0])
	if err != nil {
		return "", fmt.Errorf("%s is not installed", s.Args[0])
	}
	cmd := exec.CommandContext(ctx, path, s.Args[1:]...)
	if s.In != "" {
		in, err := unnamed(s.In)
		if err != nil {
			return "", err
		}
		defer func() { _ = in.Close() }()
		cmd.Stdin = in
	}
	var out, failed bytes.Buffer
	// Some leave a daemon behind that keeps the pipes open: they are waited for no longer than WaitDelay.
	cmd.Stdout, cmd.Stderr = &out, &failed
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil && !errors.Is(err, exec.ErrWaitDelay) {
		return "", fmt.Errorf("%s: %w%s", filepath.Base(s.Args[0]), err, reason(failed.String(), out.String()))
	}
	return out.String(), nil
}

// reason is the last line that a program said, preferably of what it said about errors.
func reason(texts ...string) string {
	for _, text := range texts {
		lines := strings.Split(strings.TrimSpace(text), "\n")
		if last := strings.TrimSpace(lines[len(lines)-1]); last != "" {
			return " (" + last + ")"
		}
	}
	return ""
}

// unnamed is an open file with a text, at its beginning, that nobody else can open.
func unnamed(text string) (*os.File, error) {
	file, err := os.CreateTemp("", "postern-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("can't hand over the password: %w", err)
	}
	if runtime.GOOS != "windows" { // which can't remove what is open, and has no step that reads
		err = os.Remove(file.Name())
	}
	if err == nil {
		_, err = file.WriteString(text)
	}
	if err == nil {
		_, err = file.Seek(0, 0)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("can't hand over the password: %w", err)
	}
	return file, nil
}

// Line is the step as it is typed: for a shell, or for Windows' command prompt.
func (s Step) Line(goos string) string {
	words := make([]string, len(s.Args))
	for i, arg := range s.Args {
		words[i] = quote(goos, arg)
	}
	line := strings.Join(words, " ")
	if s.Admin && goos != "windows" {
		line = "sudo " + line
	}
	return line
}

// Script returns steps as they are typed, each below a comment that says what it does.
func Script(goos string, steps []Step) string {
	comment := "# "
	if goos == "windows" {
		comment = "rem "
	}
	var script strings.Builder
	for _, s := range steps {
		script.WriteString(comment + s.Does + "\n" + s.Line(goos) + "\n")
	}
	return script.String()
}

func quote(goos, arg string) string {
	plain := arg != "" && !strings.ContainsFunc(arg, func(r rune) bool {
		return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:=,@%*\\", r)
	})
	switch {
	case goos == "windows" && plain, goos != "windows" && plain && !strings.ContainsAny(arg, `*\`):
		return arg
	case goos == "windows":
		return `"` + strings.ReplaceAll(arg, `"`, `""`) + `"`
	}
	return "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
}
