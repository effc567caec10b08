package gateway

import (
	"net/http"
	"sync/atomic"

	"postern/dav/auth"
)

// door admits requests with the drive's password, which can change while the door is in use.
type door struct {
	inside  http.Handler
	options auth.Options // but for the password
	now     atomic.Pointer[http.Handler]
}

// lock makes password the only valid one. Requests that were admitted before continue.
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
