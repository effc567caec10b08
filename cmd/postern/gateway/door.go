package gateway

import (
	"net/http"
	"sync/atomic"

	"postern/dav/auth"
)

// door lets requests with the drive's password in, and can be given another password while it is in use.
type door struct {
	inside  http.Handler
	options auth.Options // but for the password
	now     atomic.Pointer[http.Handler]
}

// lock makes a password the only one that opens. Requests that are inside already go on.
func (d *door) lock(password string) error {
	o := d.options
	o.Password = password
	guard, err := auth.New(o)
	if err != nil {
		return err
	}
	guarded := guard(d.inside)
	d.now.Store(&guarded)
	return nil
}

// ServeHTTP implements http.Handler.
func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) { (*d.now.Load()).ServeHTTP(w, r) }
