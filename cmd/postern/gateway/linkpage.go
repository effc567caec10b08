package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"

	"postern/cmd/postern/home"
	"postern/cmd/postern/linkpage"
	"postern/cmd/postern/reach"
)

// serveLinks serves the page that opens secret links, if it was asked for, at an address of its own: a page that shows
// other people's files must not be of one origin with the drive. It reads past the cache, so strangers push nothing out
// of it. end stops serving.
func serveLinks(ctx context.Context, o Options, store linkpage.Store) (end func(), err error) {
	if o.Settings.Links.Addr == "" {
		return func() {}, nil
	}
	handler, err := linkpage.New(store, o.Log)
	if err != nil {
		return nil, err
	}
	listener, err := listen(ctx, o.Settings.Links.Addr, "--link-page")
	if err != nil {
		return nil, err
	}
	if at, ok := listener.Addr().(*net.TCPAddr); o.Settings.TLS.Mode != home.SwitchOn && ok && !at.IP.IsLoopback() {
		o.Log.Warn("other machines can reach the link page without HTTPS: whoever is on the line can change the page and so "+
			"read along, and browsers save large files over HTTPS only; use --tls, or put something with TLS in front",
			"addr", at.String())
	}
	listener = limitListener(listener, connections(openFiles())/4)
	_, listener, err = reach.Secure(o.Home, o.Settings, listener, slog.New(slog.DiscardHandler))
	if err != nil {
		_ = listener.Close() // the other error is the reason
		return nil, err
	}
	server := newServer(handler, o.Log)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the link page is served no longer", "error", err)
		}
	}()
	o.Log.Info("serving the link page", "addr", listener.Addr().String())
	return func() {
		_ = server.Close() // its error is of a connection that is dropped anyway
		<-done
	}, nil
}
