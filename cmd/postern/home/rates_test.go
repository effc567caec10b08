package home

import (
	"slices"
	"strings"
	"testing"
	"time"

	"postern/remote/pace"
)

func TestRates(t *testing.T) {
	const evening = 18 * time.Hour
	for text, want := range map[string]pace.Plan{
		"10MiB/s":                    {{Rate: 10 << 20}},
		" 1.5 MiB/s ":                {{Rate: 3 << 19}},
		"500kB/s":                    {{Rate: 500e3}},
		"20Mbit/s":                   {{Rate: 2.5e6}},
		"0.5 Gbit/s":                 {{Rate: 62.5e6}},
		"off":                        {{}},
		"08:00 1MiB/s, 18:00 off":    {{From: 8 * time.Hour, Rate: 1 << 20}, {From: evening}},
		"00:00 1KiB/s,18:00  2MB/s ": {{Rate: 1 << 10}, {From: evening, Rate: 2e6}},
	} {
		var r Rates
		if err := r.UnmarshalText([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		} else if got := r.Plan(); !slices.Equal(got, want) {
			t.Errorf("%q is %v, want %v", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"":                          "no rate, such as 10MiB/s",
		"10M":                       "no rate",
		"10MiB":                     "no rate",
		"10/h":                      "no rate",
		"-1MiB/s":                   "no rate",
		"1e9Mbit/s":                 "no rate",
		"99999999Gbit/s":            "no rate",
		"off/s":                     "no rate",
		"0":                         "no rate",
		"0/s":                       "no rate",
		"5B/s":                      "too low: the least is 1 KiB/s",
		"08:00":                     "not a time of day and a rate",
		"8:00 1MiB/s":               `"8:00" is no time of day`,
		"24:00 1MiB/s":              `"24:00" is no time of day`,
		"08:00 fast":                `"fast" is no rate`,
		"08:00 1MiB/s, 08:00 off":   "must rise",
		"08:00 1MiB/s, 07:00 off":   "must rise",
		"08:00 1MiB/s,":             "not a time of day and a rate",
		"08:00 1MiB/s 18:00 2MiB/s": "no rate",
	} {
		r := Rates{"untouched"}
		err := r.UnmarshalText([]byte(text))
		if err == nil || !strings.Contains(err.Error(), want) || r.text != "untouched" {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

// FuzzRates: what is accepted means the same when it is read again, and has rates that a plan may have.
func FuzzRates(f *testing.F) {
	for _, seed := range []string{"10MiB/s", "off", "20Mbit/s", "08:00 1MiB/s, 18:00 off", "8:00 1", "00:00 1KiB/s,",
		"NaNMbit/s", "0x1pMbit/s", "23:59 999999Gbit/s", ":", "1TiB/s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var r, again Rates
		if r.UnmarshalText([]byte(text)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(r.text)); err != nil || !slices.Equal(r.Plan(), again.Plan()) {
			t.Fatalf("%q is %v, and then %v, %v", text, r.Plan(), again.Plan(), err)
		}
		last := time.Duration(-1)
		for _, step := range r.Plan() {
			if step.From <= last || step.From >= 24*time.Hour || step.Rate != 0 && step.Rate < leastRate {
				t.Fatalf("%q has the step %+v", text, step)
			}
			last = step.From
		}
	})
}
