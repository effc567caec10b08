package home

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes, written as "64MiB", "1.5GiB", "500 MB" or "4096". Zero is "not chosen"; "off" and "0" are
// Off.
type Size int64

// Off is a size that was chosen to be nothing.
const Off Size = -1

// units with the longest names first, so that "MiB" isn't taken for a number of "B".
var units = []struct {
	name  string
	bytes int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

// Bytes is the size, 0 for Off and for what was not chosen.
func (s Size) Bytes() int64 { return max(int64(s), 0) }

// UnmarshalText parses a size.
func (s *Size) UnmarshalText(text []byte) error {
	number, unit := strings.TrimSpace(string(text)), int64(1)
	if number == "off" || number == "0" {
		*s = Off
		return nil
	}
	for _, u := range units {
		if before, ok := strings.CutSuffix(number, u.name); ok {
			number, unit = strings.TrimSpace(before), u.bytes
			break
		}
	}
	value, err := strconv.ParseFloat(number, 64)
	bytes := value * float64(unit)
	if err != nil || strings.ContainsAny(number, "xXpP_eEnN") || bytes < 1 || bytes >= math.MaxInt64 {
		return fmt.Errorf("%q is no size, such as 64MiB, 1.5GiB or off", text)
	}
	*s = Size(bytes)
	return nil
}

// String is the size in the largest binary unit that leaves at least 1, with one decimal where needed.
func (s Size) String() string {
	if s == Off {
		return "off"
	}
	if s < 1<<10 {
		return strconv.FormatInt(int64(s), 10) + " B"
	}
	value, unit := float64(s), ""
	for _, unit = range []string{"KiB", "MiB", "GiB", "TiB"} {
		value /= 1 << 10
		if value < 1<<10 {
			break
		}
	}
	return strings.TrimSuffix(strconv.FormatFloat(value, 'f', 1, 64), ".0") + " " + unit
}
