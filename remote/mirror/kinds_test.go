package mirror_test

import (
	"testing"
	"time"

	"postern/remote"
	"postern/remote/disk"
	"postern/remote/mirror"
	"postern/remote/remotetest"
	"postern/remote/s3"
	"postern/remote/s3/s3test"
)

// TestContractOfKinds tests mirrors of a folder and a bucket, whichever leads, with several handles.
func TestContractOfKinds(t *testing.T) {
	fresh := s3test.Fake(t)
	for name, bucketLeads := range map[string]bool{"folder leads": false, "bucket leads": true} {
		t.Run(name, func(t *testing.T) {
			remotetest.RunHandles(t, func(t *testing.T) func() (remote.Store, error) {
				folder, place := t.TempDir(), fresh()
				return func() (remote.Store, error) {
					onDisk, err := disk.Open(folder, disk.Options{WatchEvery: time.Millisecond})
					if err != nil {
						return nil, err
					}
					inBucket, err := s3.Open(t.Context(), place, s3.Options{})
					if err != nil {
						return nil, err
					}
					members := named(onDisk, inBucket)
					if bucketLeads {
						members = named(inBucket, onDisk)
					}
					return mirror.New(members, quiet)
				}
			})
		})
	}
}
