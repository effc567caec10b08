package command

import (
	"testing"
	"time"

	"postern/cmd/postern/control"
)

func TestProgressLine(t *testing.T) {
	for want, at := range map[string]control.Progress{
		"parts looked at: 3":      {What: "parts looked at", Items: 3},
		"parts checked: 3, 2 KiB": {What: "parts checked", Items: 3, Bytes: 2048},
		"blobs copied: 3 of 4, 1 MiB of 2 MiB (50 %)": {What: "blobs copied", Items: 3, TotalItems: 4, Bytes: 1 << 20,
			TotalBytes: 2 << 20},
		"blobs copied: 9 of 4, 3 MiB of 2 MiB (100 %)": {What: "blobs copied", Items: 9, TotalItems: 4, Bytes: 3 << 20,
			TotalBytes: 2 << 20},
	} {
		if got := progressLine(at, 0); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestProgressLineWithRate(t *testing.T) {
	at := control.Progress{What: "blobs copied", Items: 3, Bytes: 1 << 20, TotalBytes: 4 << 20}
	want := "blobs copied: 3, 1 MiB of 4 MiB (25 %), 512 KiB/s, 6s left"
	if got := progressLine(at, 512<<10); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	at.Bytes = at.TotalBytes
	if got, want := progressLine(at, 0.5), "blobs copied: 3, 4 MiB of 4 MiB (100 %)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestPace: the pace follows a change within ten seconds.
func TestPace(t *testing.T) {
	var p pace
	now, moved, rate := time.Unix(1000, 0), int64(0), 0.0
	for i := range 600 {
		if rate = p.add(now, moved); i < 10 && rate != 0 {
			t.Errorf("after %d tenths of a second the pace is %v", i, rate)
		}
		if i == 299 && (rate < 990 || rate > 1010) {
			t.Errorf("at 1000 bytes a second the pace is %v", rate)
		}
		now, moved = now.Add(100*time.Millisecond), moved+100
		if i >= 499 {
			moved += 900
		}
	}
	if rate < 9000 {
		t.Errorf("ten seconds after a rise to 10,000 bytes a second the pace is %v", rate)
	}
}
