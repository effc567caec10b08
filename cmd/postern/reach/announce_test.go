package reach

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/zeroconf/v2"
	"github.com/miekg/dns"
)

func TestAnnounceLoopback(t *testing.T) {
	for _, ip := range []string{"127.0.0.1", "::1"} {
		_, err := Announce(Announcement{Instance: "x", Host: "x"}, &net.TCPAddr{IP: net.ParseIP(ip), Port: 1},
			slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), "this machine only") {
			t.Errorf("%s: %v", ip, err)
		}
	}
	_, err := Announce(Announcement{Instance: "x", Host: "x"}, &net.TCPAddr{IP: net.ParseIP("203.0.113.77"), Port: 1},
		slog.New(slog.DiscardHandler))
	if !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("an address that is not ours: %v", err)
	}
}

// TestAnnounce looks the drive up as a file manager does, on a network of its own, so that nothing is heard outside of
// it.
func TestAnnounce(t *testing.T) {
	const inside = "POSTERN_TEST_OWN_NETWORK"
	if os.Getenv(inside) == "" {
		if runtime.GOOS != "linux" || os.Getuid() != 0 {
			t.Skip("a network of one's own needs Linux and root")
		}
		script := "ip link set lo up && ip link add near type veth peer name far && ip addr add 10.99.0.1/24 dev near && " +
			"ip link set near up && ip link set far up multicast off && ip route add 224.0.0.0/4 dev near || exit 77; exec " +
			"\"$@\""
		cmd := exec.CommandContext(t.Context(), "unshare", "-n", "sh", "-c", script, "sh", os.Args[0], "-test.run",
			"^TestAnnounce$", "-test.v")
		cmd.Env = append(os.Environ(), inside+"=1")
		out, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if errors.Is(err, exec.ErrNotFound) || errors.As(err, &exit) && (exit.ExitCode() == 77 || exit.ExitCode() == 127 ||
			strings.HasPrefix(string(out), "unshare:")) {
			t.Skipf("no network of one's own can be made here: %v %s", err, out)
		}
		if err != nil || !strings.Contains(string(out), "--- PASS: TestAnnounce") {
			t.Fatalf("%v\n%s", err, out)
		}
		return
	}
	heard := listenTo(t)
	for _, at := range []string{"10.99.0.1", "0.0.0.0"} {
		withdraw, err := Announce(Announcement{Instance: "Postern on laptop", Secure: at == "0.0.0.0", Host: "laptop"},
			&net.TCPAddr{IP: net.ParseIP(at), Port: 8090}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		service := "_webdav._tcp"
		if at == "0.0.0.0" {
			service = "_webdavs._tcp"
		}
		entry := lookUp(t, service)
		if entry == nil {
			t.Fatalf("%s is not found", service)
		}
		if entry.Instance != `Postern\ on\ laptop` && entry.Instance != "Postern on laptop" || entry.Port != 8090 ||
			entry.HostName != "laptop.local." ||
			len(entry.AddrIPv4) != 1 || entry.AddrIPv4[0].String() != "10.99.0.1" || strings.Join(entry.Text, " ") != "path=/" {
			t.Errorf("found %+v", entry)
		}
		withdraw()
		heard.goodbye(service)
	}
}

func lookUp(t *testing.T, service string) *zeroconf.ServiceEntry {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry, 4)
	ended := make(chan error, 1)
	go func() { ended <- zeroconf.Browse(ctx, service, "local.", entries) }()
	found := <-entries // nil when the channel is closed at the end
	cancel()
	if err := <-ended; err != nil && found == nil {
		t.Fatal(err)
	}
	return found
}

// ear hears what is said on the network.
type ear struct {
	t    *testing.T
	conn *net.UDPConn
}

func listenTo(t *testing.T) ear {
	t.Helper()
	near, err := net.InterfaceByName("near")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenMulticastUDP("udp4", near, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return ear{t, conn}
}

// goodbye waits until somebody says that a service is gone: its pointer has no time to live (RFC 6762, 10.1).
func (e ear) goodbye(service string) {
	e.t.Helper()
	if err := e.conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		e.t.Fatal(err)
	}
	buffer := make([]byte, 64<<10)
	for {
		n, _, err := e.conn.ReadFromUDP(buffer)
		if err != nil {
			e.t.Fatalf("no goodbye of %s: %v", service, err)
		}
		var message dns.Msg
		if message.Unpack(buffer[:n]) != nil {
			continue
		}
		for _, record := range message.Answer {
			if pointer, ok := record.(*dns.PTR); ok && pointer.Hdr.Name == service+".local." && pointer.Hdr.Ttl == 0 {
				return
			}
		}
	}
}
