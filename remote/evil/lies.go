package evil

import "fmt"

// Lie is one way to cheat.
type Lie int

// The lies. Each comment names the affected calls and the lie; all other calls are answered honestly.
const (
	Honest Lie = iota

	// Wrong bytes.
	FlipGet    // Get: one bit is another
	FlipRange  // GetRange: one bit is another
	Truncate   // Get: only the first half. GetRange, Stat, List: the second half is missing
	Grow       // Get: random bytes follow
	Zero       // Get, GetRange: zeros, as from a sparse file
	Garbage    // Get, GetRange: random bytes of the right number
	SwapBlobs  // Get, GetRange, Stat: pairs of blobs have changed places
	OtherBlob  // Get, GetRange: always the same blob, whatever the name
	ShiftRange // GetRange: the bytes of the next sealed segment, or the previous one

	// Lies about which blobs are there.
	LoseBlobs   // Get, GetRange, Stat, List: there are no blobs
	DropPuts    // Put: succeeds and stores nothing
	SpoilPuts   // Put: stores the bytes with one bit changed
	KeepDeleted // Delete: succeeds and keeps the blob
	DenyStat    // Stat: it isn't there
	ClaimStat   // Stat: a missing blob is there
	WrongStat   // Stat: one byte too many
	AbsurdStat  // Stat, List: sizes that no blob can have
	HideInList  // List: every second blob is left out
	InventList  // List: blobs that were never put
	RepeatList  // List: everything twice
	FalseSpace  // Space: neither free nor used bytes
	NoID        // ID: all zeros
	OtherID     // ID: another one each time

	// Wrong pointers.
	OldPointer       // Load: the oldest state that was ever seen
	PreviousPointer  // Load: the state before the newest
	FrozenPointer    // Load: always the state that was shown when the lie began
	LosePointer      // Load: there is none
	ForgedSequence   // Load: a greater sequence under the signature of the true one
	ForgedValue      // Load: another value under the signature of the true one
	ForgedSignature  // Load: one bit of the signature is flipped
	StrangeSignature // Load: a valid signature by another key
	OtherPointer     // Load: the proper pointer of another id
	GarbagePointer   // Load: random bytes under the right id
	ForkedPointer    // Load: the state of the other view, see Store.Fork
	FalseSwap        // Swap: succeeds and changes nothing
	FalseConflict    // Swap: reports a conflict and changes nothing
	SecretSwap       // Swap: reports a conflict but makes the swap

	// Lies about which pointers moved.
	HideChanges    // Changed: nothing has moved
	OldChanges     // Changed: the oldest states that were ever seen
	ForgedChanges  // Changed: another value under the signature of the true one
	SecretChanges  // Changed: an unlisted pointer that was seen before, as it is
	EndlessChanges // Changed: there is always one more page
	AbsurdChanges  // Changed: more pointers than a page may have
	AbsurdCursor   // Changed: a cursor that is longer than any

	// Wrong letters, names and hints.
	DropLetters   // Drop: succeeds and keeps nothing
	HideLetters   // Letters: there are none
	InventLetters // Letters: one more, without a stamp
	AbsurdLetters // Letters: more than an inbox holds
	ForgedLetter  // Fetch: one bit is another
	KeepLetters   // Forget: succeeds and keeps the letter
	ForgedName    // LookUp: one bit is flipped
	StolenName    // LookUp: a record that is signed for another name
	LoseName      // LookUp: there is none
	FalseClaim    // Claim: succeeds and keeps nothing
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
	"hide changes", "old changes", "forged changes", "secret changes", "endless changes", "absurd changes",
	"absurd cursor",
	"drop letters", "hide letters", "invent letters", "absurd letters", "forged letter", "keep letters", "forged name",
	"stolen name",
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
