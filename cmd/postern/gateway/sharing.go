package gateway

import "postern/dav"

// sharing returns what the account shares, for the properties of files. It makes no request.
func (d *drive) sharing() dav.Sharing {
	is := d.people.Summary()
	all := dav.Sharing{User: is.Called, Friends: is.Names}
	for _, sh := range is.Mine {
		for _, g := range sh.With {
			if g.Group {
				all.Share(sh.Path, dav.ShareGroup)
			} else {
				all.Share(sh.Path, dav.ShareUser)
			}
		}
	}
	for _, l := range is.Links {
		all.Share(l.Path, dav.ShareLink)
	}
	return all
}
