package peopletest

import (
	"time"

	"postern/vfs"
)

const minute = time.Minute

// linking are stories about secret links.
var linking = []Story{
	{Name: "a link is made and opened", Users: two, Steps: []Step{
		as("bob", mkdir("/files/talk"), put("/files/talk/t", "1"), link("l", "/files/talk", "", 0)),
		as("alice", opens("l", "", "/shared/links/talk"), reads("/shared/links/talk/t", "1"),
			fails(vfs.ErrReadOnly, put("/shared/links/talk/x", "x"))),
		as("bob", put("/files/talk/t", "2"), shares()),
		look(),
		as("alice", reads("/shared/links/talk/t", "2")),
		restart("alice"),
		look(),
		as("alice", reads("/shared/links/talk/t", "2"), opens("l", "", "/shared/links/talk"),
			leave("/shared/links/talk"), lists("/shared/links")),
	}, Direct: true},
	{Name: "a link is revoked", Users: two, Steps: []Step{
		as("bob", mkdir("/files/talk"), put("/files/talk/t", "1"), link("l", "/files/talk", "", 0),
			link("m", "/files/talk", "", 0)),
		as("alice", opens("l", "", "/shared/links/talk"), reads("/shared/links/talk/t", "1"),
			opens("m", "", "/shared/links/talk (2)")),
		as("bob", revokes("l"), put("/files/talk/t", "2"), refused("no link", revokes("l"))),
		look(),
		as("alice", lists("/shared/links", "talk (2)/"), refused("ended by its maker", opens("l", "", "")),
			reads("/shared/links/talk (2)/t", "2")),
		as("bob", reads("/files/talk/t", "2")),
	}, Direct: true},
	{Name: "a link needs its password", Users: two, Steps: []Step{
		as("bob", mkdir("/files/talk"), put("/files/talk/t", "1"), link("l", "/files/talk", "horse", 0)),
		as("alice", refused("needs its password", opens("l", "", "")), refused("password is wrong", opens("l", "cow", "")),
			opens("l", "horse", "/shared/links/talk"), reads("/shared/links/talk/t", "1")),
	}, Direct: true},
	{Name: "a link expires", Users: two, Steps: []Step{
		as("bob", mkdir("/files/talk"), put("/files/talk/t", "1"), link("l", "/files/talk", "", time.Hour)),
		as("alice", opens("l", "", "/shared/links/talk"), reads("/shared/links/talk/t", "1")),
		later(2 * time.Hour),
		as("alice", refused("expired", opens("l", "", ""))),
		look(),
		as("alice", refused("ended by its maker", opens("l", "", "")), lists("/shared/links")),
	}, Direct: true},
	{Name: "a link and a share of one folder", Users: three, Steps: []Step{
		photos(write, "alice"),
		as("bob", link("l", "/files/photos", "", 0)),
		as("carol", opens("l", "", "/shared/links/photos")),
		as("alice", put("/shared/bob/photos/b", "2")),
		look(),
		as("carol", reads("/shared/links/photos/b", "2")),
		as("bob", unshare("/files/photos", "alice"), put("/files/photos/c", "3")),
		look(),
		as("carol", reads("/shared/links/photos/c", "3")),
		as("alice", lists("/shared/bob")),
		as("bob", revokes("l")),
		look(),
		as("carol", lists("/shared/links")),
	}, Direct: true},
}
