package home

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/remote/pace"
)

// Rates is a limit of the bandwidth: a rate, such as "10MiB/s", "20Mbit/s" or "off", or rates by time of day, such as
// "08:00 1MiB/s, 18:00 off". The zero value is "not chosen".
type Rates struct{ text string }

// leastRate is the lowest limit: at a lower one, a blob would take hours.
const leastRate = 1 << 10

// bitUnits are the units of rates in bits, as lines are sold.
var bitUnits = map[string]int64{"kbit": 1e3, "Mbit": 1e6, "Gbit": 1e9}

// UnmarshalText parses a limit.
func (r *Rates) UnmarshalText(text []byte) error {
	if _, err := parseRates(string(text)); err != nil {
		return err
	}
	r.text = strings.TrimSpace(string(text))
	return nil
}

// Plan returns the limit. One that was not chosen, and "off", set none.
func (r Rates) Plan() pace.Plan {
	plan, _ := parseRates(r.text) // UnmarshalText has checked it
	return plan
}

// Set and Type make it a flag.
func (r *Rates) Set(text string) error { return r.UnmarshalText([]byte(text)) }

// Type names it in help.
func (r *Rates) Type() string { return "rate" }

// String returns the limit as it was written.
func (r *Rates) String() string { return r.text }

// parseRates parses one rate, or several with the time of day at which each begins.
func parseRates(text string) (plan pace.Plan, err error) {
	if !strings.Contains(text, ":") {
		rate, err := parseRate(text)
		return pace.Steady(rate), err
	}
	for _, part := range strings.Split(text, ",") {
		from, what, ok := strings.Cut(strings.TrimSpace(part), " ")
		if !ok {
			return nil, fmt.Errorf("%q is not a time of day and a rate, such as 08:00 10MiB/s", strings.TrimSpace(part))
		}
		at, err := time.Parse("15:04", from)
		if err != nil || len(from) != len("15:04") {
			return nil, fmt.Errorf("%q is no time of day, such as 08:00 or 23:30", from)
		}
		step := pace.Step{From: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute}
		if step.Rate, err = parseRate(what); err != nil {
			return nil, err
		}
		if len(plan) > 0 && step.From <= plan[len(plan)-1].From {
			return nil, fmt.Errorf("the times of day in %q must rise: %s is not after the one before it", text, from)
		}
		plan = append(plan, step)
	}
	return plan, nil
}

// parseRate parses a rate in bytes a second; 0 is "off".
func parseRate(text string) (int64, error) {
	word := strings.TrimSpace(text)
	if word == "off" {
		return 0, nil
	}
	amount, ok := strings.CutSuffix(word, "/s")
	var size Size
	var err error
	if number, unit := splitUnit(amount); bitUnits[unit] > 0 {
		var bits float64
		bits, err = strconv.ParseFloat(number, 64)
		if plain := strings.Trim(number, "0123456789.") == ""; !plain || bits > 1e6 {
			err = errors.New("out of range")
		}
		size = Size(bits * float64(bitUnits[unit]) / 8)
	} else {
		err = size.UnmarshalText([]byte(amount))
	}
	if !ok || err != nil || size == Off {
		return 0, fmt.Errorf("%q is no rate, such as 10MiB/s, 20Mbit/s or off", word)
	}
	if size < leastRate {
		return 0, fmt.Errorf("the rate %s is too low: the least is %v/s", word, Size(leastRate))
	}
	return int64(size), nil
}

// splitUnit splits an amount into its number and a unit of bits.
func splitUnit(amount string) (number, unit string) {
	if len(amount) < len("kbit") {
		return amount, ""
	}
	at := len(amount) - len("kbit")
	return strings.TrimSpace(amount[:at]), amount[at:]
}
