package crypto

// Labels separate the uses of keys, so that bytes made for one purpose mean nothing for another. All of them are here,
// side by side: no two are equal, and none is the beginning of another (a test checks this). The number is the version
// of the format; a change of the meaning of bytes changes it.
const (
	// Associated data of sealed bytes.
	labelNode      = "postern/1/node"
	labelChunkMeta = "postern/1/chunk-meta"
	labelSegment   = "postern/1/segment"
	labelFrame     = "postern/1/frame"
	labelValue     = "postern/1/pointer-value"

	// The prefix of signed messages, ended by a zero byte.
	labelSignPointer = "postern/1/sign/pointer"
	labelSignCommit  = "postern/1/sign/commit"

	// HKDF info: the keys derived from an account's secret.
	labelAccountWriter = "postern/1/account/writer"
	labelAccountReader = "postern/1/account/reader"
	labelAccountAuthor = "postern/1/account/author"
	labelAccountFrames = "postern/1/account/frames"

	// HKDF info: the key of one pointer value, from the read key.
	labelValueKey = "postern/1/value-key"

	// Of login records: the salt of Argon2id, and HKDF info for the keys derived from its output.
	labelLoginSalt   = "postern/1/login/salt"
	labelLoginWriter = "postern/1/login/writer"
	labelLoginReader = "postern/1/login/reader"

	// Format 2. HKDF info: the keys of a space that is not an account's own, from the space's secret.
	labelSpaceWriter = "postern/2/space/writer"
	labelSpaceReader = "postern/2/space/reader"

	// Of mounts: HKDF info for the key under which a mount seals a writer seed, and the associated data of that seed.
	labelMountKey  = "postern/2/mount/key"
	labelMountSeed = "postern/2/mount/seed"

	// The prefix of the signed message of a roster, and of a listed pointer, ended by a zero byte.
	labelSignRoster = "postern/2/sign/roster"
	labelSignListed = "postern/2/sign/listed-pointer"

	// HKDF info: the keys with which strangers contact an account, from its secret.
	labelAccountMeet   = "postern/2/account/meet"
	labelAccountInbox  = "postern/2/account/inbox"
	labelAccountHolder = "postern/2/account/holder"

	// Of letters: info of HPKE.
	labelLetter = "postern/2/letter"

	// Of names: the prefix of the name in its hash, ended by a zero byte; HKDF info for the key of a record; associated
	// data.
	labelNameID     = "postern/2/name/id"
	labelNameRoot   = "postern/2/name/root"
	labelNameKey    = "postern/2/name/key"
	labelNameRecord = "postern/2/name/record"

	// The prefix of the messages that the holder and the author of a name record sign, ended by a zero byte.
	labelSignName = "postern/2/sign/name-record"
	labelSignCard = "postern/2/sign/card"

	// HKDF info: the key of one of an account's further inboxes, from its secret.
	labelAccountDoor = "postern/2/account/door"

	// HKDF info: the secret of the space that an account keeps for one other account, from its own secret.
	labelAccountPair = "postern/2/account/pair"

	// HKDF info: the secret of the space that replaces another one of the account, from its own secret.
	labelAccountNext = "postern/2/account/next"

	// The prefix of the author id in the hash that people compare, ended by a zero byte.
	labelFingerprint = "postern/2/fingerprint"

	// The prefix of the messages that the author of a letter, of a contact card and of a succession signs, ended by a zero
	// byte.
	labelSignMessage    = "postern/2/sign/message"
	labelSignContact    = "postern/2/sign/contact"
	labelSignSuccession = "postern/2/sign/succession"

	// Of secret links: HKDF info for the writer key and the secret, from what the creator keeps; the salt of Argon2id, and
	// the read key, from the secret.
	labelLinkWriter = "postern/2/link/writer"
	labelLinkSecret = "postern/2/link/secret"
	labelLinkSalt   = "postern/2/link/salt"
	labelLinkReader = "postern/2/link/reader"
)
