package command

import (
	"testing"

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
		if got := progressLine(at); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
