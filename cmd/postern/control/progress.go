package control

import "postern/remote/transfer"

// Seeking returns a function that reports how many parts of the drive were examined while their total is unknown.
func Seeking(tell Tell) func(int64) {
	return func(parts int64) { tell(Progress{What: "parts looked at", Items: parts}) }
}

// Carried returns a function that reports the progress of a transfer; what says what is done to the blobs, such as
// "copied".
func Carried(what string, tell Tell) func(transfer.Progress) {
	return func(at transfer.Progress) {
		tell(Progress{What: "blobs " + what, Items: at.Done(), TotalItems: max(at.TotalBlobs, 0),
			Bytes: at.CopiedBytes + at.SkippedBytes, Skipped: at.SkippedBytes, TotalBytes: max(at.TotalBytes, 0)})
	}
}
