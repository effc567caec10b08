package vfstest

import (
	"testing"

	"postern/vfs"
)

// Run tests that the drives of open keep the contract of vfs.FS. Each part opens a drive of its own, which must be
// empty except for the writable folder "/files" (other folders may exist next to it); open cleans up with t.Cleanup.
// Times are compared to the nanosecond. With -short bodies stay below a few MiB and listings below a few hundred
// entries.
func Run(t *testing.T, open func(t *testing.T) vfs.FS) {
	parts := []struct {
		name string
		run  func(drive)
	}{
		{"root is read-only", testRoot},
		{"stat tells the kinds apart", testStat},
		{"list is sorted and complete", testList},
		{"list on what is no folder", testListErrors},
		{"list is one state", testListSnapshot},
		{"list of a large folder", testListLarge},
		{"open reads what was written", testSizes},
		{"open errors", testOpenErrors},
		{"seek and ranges", testSeek},
		{"reader behaves", testReader},
		{"open file is one version", testOpenSnapshot},
		{"context bounds an open file", testOpenContext},
		{"upload shows at commit only", testUpload},
		{"upload aborted leaves nothing", testAbort},
		{"upload errors", testUploadErrors},
		{"upload onto what changed meanwhile", testUploadRaces},
		{"upload sums", testSums},
		{"overwrite keeps what goes with a file", testOverwrite},
		{"times of files", testTimes},
		{"content types", testTypes},
		{"mkdir", testMkdir},
		{"remove", testRemove},
		{"move and copy", testTransfer},
		{"move and copy errors", testTransferErrors},
		{"move and copy keep what goes with it", testTransferKeeps},
		{"copy is independent", testCopyIndependent},
		{"patch", testPatch},
		{"patch errors", testPatchErrors},
		{"conditions are asked and obeyed", testConditions},
		{"condition sees the state that is changed", testConditionState},
		{"odd names", testOddNames},
		{"bad names", testBadNames},
		{"names equal in Unicode", testUnicode},
		{"deep paths", testDeep},
		{"sizes add up", testFolderSizes},
		{"many create at once", testConcurrentCreate},
		{"compare and swap", testConcurrentSwap},
		{"moves are one step", testConcurrentMove},
		{"readers see whole versions", testConcurrentReplace},
	}
	for _, part := range parts {
		t.Run(part.name, func(t *testing.T) { part.run(drive{t, open(t)}) })
	}
}
