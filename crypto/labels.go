package crypto

// Labels keep apart what is done with keys, so that bytes made for one purpose mean nothing for another. All of them stand
// here, side by side: no two are equal and none is the beginning of another (a test sees to it). The number is the version of
// the format; whatever changes the meaning of bytes changes it.
const (
	// Associated data of sealed bytes.
	labelNode      = "postern/1/node"
	labelChunkMeta = "postern/1/chunk-meta"
	labelSegment   = "postern/1/segment"
	labelFrame     = "postern/1/frame"
	labelValue     = "postern/1/pointer-value"

	// In front of what is signed, ended by a zero byte.
	labelSignPointer = "postern/1/sign/pointer"
	labelSignCommit  = "postern/1/sign/commit"

	// HKDF info: what is derived from an account's secret.
	labelAccountWriter = "postern/1/account/writer"
	labelAccountReader = "postern/1/account/reader"
	labelAccountAuthor = "postern/1/account/author"
	labelAccountFrames = "postern/1/account/frames"

	// HKDF info: the key of one pointer value, from the read key.
	labelValueKey = "postern/1/value-key"

	// Of login records: the salt of Argon2id, and HKDF info for what is derived from its output.
	labelLoginSalt   = "postern/1/login/salt"
	labelLoginWriter = "postern/1/login/writer"
	labelLoginReader = "postern/1/login/reader"

	// Format 2. HKDF info: the keys of a space that is not an account's own, from the space's secret.
	labelSpaceWriter = "postern/2/space/writer"
	labelSpaceReader = "postern/2/space/reader"

	// Of mounts: HKDF info for the key under which a mount seals a writer seed, and the associated data of that seed.
	labelMountKey  = "postern/2/mount/key"
	labelMountSeed = "postern/2/mount/seed"

	// In front of what is signed for a roster, and for a listed pointer, ended by a zero byte.
	labelSignRoster = "postern/2/sign/roster"
	labelSignListed = "postern/2/sign/listed-pointer"

	// HKDF info: the keys of an account by which strangers meet it, from its secret.
	labelAccountMeet   = "postern/2/account/meet"
	labelAccountInbox  = "postern/2/account/inbox"
	labelAccountHolder = "postern/2/account/holder"

	// Of letters: info of HPKE.
	labelLetter = "postern/2/letter"

	// Of names: what is hashed with a name, ended by a zero byte; HKDF info for the key of a record; associated data.
	labelNameID     = "postern/2/name/id"
	labelNameRoot   = "postern/2/name/root"
	labelNameKey    = "postern/2/name/key"
	labelNameRecord = "postern/2/name/record"

	// In front of what is signed for a name record, by its holder and by its author, ended by a zero byte.
	labelSignName = "postern/2/sign/name-record"
	labelSignCard = "postern/2/sign/card"
)
