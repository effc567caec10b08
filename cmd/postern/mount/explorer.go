package mount

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"postern/cmd/postern/system"
)

// letters in the order in which a free one is looked for: P for Postern, then those that are rarely taken.
const letters = "PQRSTUVWXYZONMLKJIHGFED"

func onWindows(f system.Facts, d Drive, letter string) (Plan, error) {
	if letter == "" {
		for _, l := range letters {
			if letter = string(l) + ":"; !f.Exists(letter + `\`) {
				break
			}
			letter = ""
		}
		if letter == "" {
			return Plan{}, errors.New("no drive letter is free")
		}
	}
	letter = strings.ToUpper(strings.TrimSuffix(letter, `\`))
	if len(letter) != 2 || letter[0] < 'A' || letter[0] > 'Z' || letter[1] != ':' {
		return Plan{}, fmt.Errorf("on Windows a drive is mounted on a letter, such as P:, and %q is none", letter)
	}
	return Plan{
		Folder: letter + `\`, Net: &Connection{Letter: letter, Remote: unc(d)},
		Steps: []system.Step{{Does: "mounts it; it asks for the password", Args: []string{"net", "use", letter,
			d.URL.String(), "/user:" + d.User, "*"}}},
	}, nil
}

// unc is the name of the drive's root for the WebClient service.
func unc(d Drive) string {
	host := d.URL.Hostname()
	if strings.Contains(host, ":") { // no colon can stand in such a name
		host = strings.ReplaceAll(host, ":", "-") + ".ipv6-literal.net"
	}
	port := d.URL.Port()
	if d.URL.Scheme == "https" {
		host += "@SSL"
	}
	if port != "" {
		host += "@" + port
	}
	return `\\` + host + `\DavWWWRoot`
}

// limit is a value of the WebClient service that stands in the way.
type limit struct {
	value  string
	set    uint32
	usual  string
	allows string
}

// limits are all in HKLM\SYSTEM\CurrentControlSet\Services\WebClient\Parameters. BasicAuthLevel is not among them:
// Windows sends passwords by Digest, which the drive offers, and Basic over TLS only, as it should.
var limits = []limit{
	{"FileSizeLimitInBytes", 0xffffffff, "50,000,000", "files up to 4 GiB; more Windows can't, use rclone for them"},
	{"FileAttributesLimitInBytes", 64 << 20, "1,000,000", "folders of some 250,000 entries instead of 3,800"},
	{"SendReceiveTimeoutInSec", 3600, "60", "uploads of large files that take longer than a minute"},
}

// Lift plans how the limits of Windows are lifted, and its WebClient service started, now and from now on.
func Lift() []system.Step {
	var steps []system.Step
	for _, l := range limits {
		steps = append(steps, system.Step{Does: fmt.Sprintf("%s (usually %s): %s", l.value, l.usual, l.allows), Admin: true,
			Args: []string{"reg", "add", `HKLM\SYSTEM\CurrentControlSet\Services\WebClient\Parameters`, "/v", l.value,
				"/t", "REG_DWORD",
				"/d", strconv.FormatUint(uint64(l.set), 10), "/f"}})
	}
	return append(steps,
		system.Step{Does: "starts the WebClient service, which mounts, with Windows", Admin: true,
			Args: []string{"sc", "config", "WebClient", "start=", "auto"}},
		system.Step{Does: "stops the service, so that it reads the values again", Admin: true, Maybe: true,
			Args: []string{"net", "stop", "WebClient"}},
		system.Step{Does: "starts it", Admin: true, Args: []string{"net", "start", "WebClient"}})
}

// The errors of Windows that its users meet (winerror.h), and what to do about them.
var troubles = map[uint32]string{
	53: "Windows does not find the drive: see that it is served, and that the WebClient service runs (postern mount " +
		"--apply starts it)",
	67: "the WebClient service does not run: postern mount --apply starts it, as an administrator; a Windows Server " +
		"needs the feature WebDAV Redirector first",
	85:   "the letter is taken: name another, such as postern mount Q:",
	86:   "the password is wrong",
	224:  "Windows does not trust the drive's certificate: run postern trust as an administrator",
	1219: "the drive is mounted already for another user: unmount it first",
	1244: "Windows did not log in: see that the WebClient service's AuthForwardServerList and BasicAuthLevel are as " +
		"they were",
	1326: "the user's name or the password is wrong",
}

// trouble returns an error for a failure of Windows, with its remedy where that is known.
func trouble(code uint32, text string) error {
	if advice, ok := troubles[code]; ok {
		return fmt.Errorf("can't mount the drive: %s (error %d)", advice, code)
	}
	return fmt.Errorf("can't mount the drive: Windows says %q (error %d)", text, code)
}
