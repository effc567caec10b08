package gateway

import (
	"net"
	"os"
	"strconv"

	"postern/cmd/postern/say"
)

// firstInherited is the descriptor of the first socket that systemd passes to a service (sd_listen_fds(3)).
const firstInherited = 3

// inherited returns the listener that a service manager passes to this process by $LISTEN_PID and $LISTEN_FDS; nil if
// there is none. The manager keeps the port while no gateway runs, so that no other process can take it and receive the
// password.
func inherited(getenv func(string) string) (net.Listener, error) {
	if getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return nil, nil
	}
	switch n, err := strconv.Atoi(getenv("LISTEN_FDS")); {
	case err != nil || n < 0 || n > 1:
		return nil, say.Advisef("the service manager passes %q sockets, and the drive takes one: name one ListenStream in "+
			"postern.socket", getenv("LISTEN_FDS"))
	case n == 0:
		return nil, nil
	}
	file := os.NewFile(firstInherited, "postern.socket")
	listener, err := net.FileListener(file)
	_ = file.Close() // the listener has a descriptor of its own
	if err != nil {
		return nil, say.Advisef("can't listen on the socket that the service manager passes (%w): see postern.socket", err)
	}
	if _, ok := listener.(*net.TCPListener); !ok {
		_ = listener.Close()
		return nil, say.Advisef("the service manager passes a socket of %s, and the drive needs TCP: name HOST:PORT in "+
			"postern.socket", listener.Addr().Network())
	}
	return listener, nil
}
