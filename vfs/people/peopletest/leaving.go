package peopletest

import "postern/vfs"

// leaving are stories about the end of shares, at the side of a friend.
var leaving = []Story{
	{Name: "a friend leaves", Users: three, Steps: []Step{
		photos(write, "alice", "carol"),
		as("alice", reads("/shared/bob/photos/a", "1"), leave("/shared/bob/photos"), lists("/shared/bob"),
			lacks("/shared/bob/photos"), fails(vfs.ErrNotExist, reads("/shared/bob/photos/a", "")), receives()),
		look(),
		as("alice", lists("/shared/bob")),
		as("carol", reads("/shared/bob/photos/a", "1")),
		restart("alice"),
		as("alice", lists("/shared/bob")),
	}},
	{Name: "a friend who has left gets it again", Users: two, Steps: []Step{
		photos(write, "alice"),
		as("alice", leave("/shared/bob/photos")),
		look(),
		as("bob", unshare("/files/photos"), share("/files/photos", write, "alice")),
		look(),
		as("alice", reads("/shared/bob/photos/a", "1")),
	}},
	{Name: "only shares are left", Users: two, Steps: []Step{
		photos(write, "alice"),
		as("alice", refused("nothing that a friend shares", leave("/files/x")),
			refused("no shared folder", leave("/shared/bob")), refused("no shared folder", leave("/shared/dora/x")),
			refused("not exist", leave("/shared/bob/none"))),
	}},
	{Name: "the account's other device may leave", Users: two, Steps: []Step{
		photos(write, "alice"),
		adds("alice", "laptop"),
		look(),
		as("alice/laptop", reads("/shared/bob/photos/a", "1"), leave("/shared/bob/photos")),
		look(),
		as("alice", lists("/shared/bob")),
	}, Direct: true},
	{Name: "pending changes of a removed writer", Users: two, Steps: []Step{
		photos(write, "alice"),
		as("alice", put("/shared/bob/photos/b", "2")),
		look(),
		offline("alice"),
		as("alice", put("/shared/bob/photos/c", "pending")),
		as("bob", unshare("/files/photos")),
		online("alice"),
		settle(),
		as("bob", lists("/files/photos", "a", "b")),
		as("alice", lists("/shared/bob"), put("/files/x", "the own files go on")),
	}, Direct: true},
}
