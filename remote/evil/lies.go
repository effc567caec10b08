package evil

import "fmt"

// Lie is one way to cheat.
type Lie int

// The lies. Each says what it does to which calls; calls that it does not name are answered honestly.
const (
	Honest Lie = iota

	// Wrong bytes.
	FlipGet    // Get: one bit is another
	FlipRange  // GetRange: one bit is another
	Truncate   // Get: only the first half. GetRange, Stat, List: as if the second half weren't there
	Grow       // Get: random bytes follow
	Zero       // Get, GetRange: zeros, as a disk full of holes gives
	Garbage    // Get, GetRange: random bytes of the right number
	SwapBlobs  // Get, GetRange, Stat: pairs of blobs have changed places
	OtherBlob  // Get, GetRange: always the same blob, whichever was asked for
	ShiftRange // GetRange: from one sealed segment further on, or before

	// Wrong about what is there.
	LoseBlobs   // Get, GetRange, Stat, List: there are no blobs
	DropPuts    // Put: says it is done and stores nothing
	SpoilPuts   // Put: stores the bytes with one bit changed
	KeepDeleted // Delete: says it is done and keeps the blob
	DenyStat    // Stat: it isn't there
	ClaimStat   // Stat: it is there, when it isn't
	WrongStat   // Stat: one byte more than there is
	AbsurdStat  // Stat, List: sizes that no blob can have
	HideInList  // List: every second blob is left out
	InventList  // List: blobs that nobody put
	RepeatList  // List: everything twice
	FalseSpace  // Space: neither room nor use
	NoID        // ID: all zeros
	OtherID     // ID: another one each time

	// Wrong pointers.
	OldPointer       // Load: the oldest state that was ever seen
	PreviousPointer  // Load: the state before the newest
	FrozenPointer    // Load: for ever the state that was shown when the lie began
	LosePointer      // Load: there is none
	ForgedSequence   // Load: a greater sequence under the signature of the true one
	ForgedValue      // Load: another value under the signature of the true one
	ForgedSignature  // Load: one bit of the signature is another
	StrangeSignature // Load: signed properly, by another key
	OtherPointer     // Load: the proper pointer of another id
	GarbagePointer   // Load: random bytes under the right id
	ForkedPointer    // Load: what the other view shows, see Store.Fork
	FalseSwap        // Swap: says it is done and changes nothing
	FalseConflict    // Swap: says that another state is there and changes nothing
	SecretSwap       // Swap: says that another state is there, though it took it

	// Wrong about what moved.
	HideChanges    // Changed: nothing has moved
	OldChanges     // Changed: the oldest states that were ever seen
	ForgedChanges  // Changed: another value under the signature of the true one
	SecretChanges  // Changed: an unlisted pointer that was seen before, as it is
	EndlessChanges // Changed: there is always one more page
	AbsurdChanges  // Changed: more pointers than a page may have
	AbsurdCursor   // Changed: a cursor that is longer than any

	// Wrong letters, names and hints.
	DropLetters   // Drop: says it is done and keeps nothing
	HideLetters   // Letters: there are none
	InventLetters // Letters: one more, without a stamp
	AbsurdLetters // Letters: more than an inbox holds
	ForgedLetter  // Fetch: one bit is another
	KeepLetters   // Forget: says it is done and keeps the letter
	ForgedName    // LookUp: one bit is another
	StolenName    // LookUp: a record that somebody has signed for another name
	LoseName      // LookUp: there is none
	FalseClaim    // Claim: says it is done and keeps nothing
	NoHints       // Watch: nothing moves

	lies // their number
)

// names are for test names and failures.
var names = [lies]string{
	"honest",
	"flip get", "flip range", "truncate", "grow", "zero", "garbage", "swap blobs", "other blob", "shift range",
	"lose blobs", "drop puts", "spoil puts", "keep deleted", "deny stat", "claim stat", "wrong stat", "absurd stat",
	"hide in list", "invent list", "repeat list", "false space", "no id", "other id",
	"old pointer", "previous pointer", "frozen pointer", "lose pointer", "forged sequence", "forged value",
	"forged signature", "strange signature", "other pointer", "garbage pointer", "forked pointer", "false swap",
	"false conflict", "secret swap",
	"hide changes", "old changes", "forged changes", "secret changes", "endless changes", "absurd changes", "absurd cursor",
	"drop letters", "hide letters", "invent letters", "absurd letters", "forged letter", "keep letters", "forged name", "stolen name",
	"lose name", "false claim", "no hints",
}

// String returns a short name.
func (l Lie) String() string {
	if l < 0 || l >= lies {
		return fmt.Sprintf("evil.Lie(%d)", int(l))
	}
	return names[l]
}

// Lies returns all lies, so that a test can try each.
func Lies() []Lie {
	all := make([]Lie, 0, lies-1)
	for l := Honest + 1; l < lies; l++ {
		all = append(all, l)
	}
	return all
}
