package line

import (
	"fmt"
	"net"
	"sync"
	"time"

	"postern/remote"
)

// reconnecter is a driver with connections, which may be dead without a sign after the machine has slept or its network
// has changed. Reconnect ends all requests under way as ErrUnavailable and drops all connections.
type reconnecter interface{ Reconnect() }

const (
	// sleepFor is by how much the clock must have run ahead of the time that the program has run: a shorter sleep breaks
	// no connection.
	sleepFor = 5 * time.Second
	// addressesEvery is how often the addresses of the machine are compared at most.
	addressesEvery = 5 * time.Second
)

// alarm notices that the machine has slept or that its network has changed. It looks when it is asked, and so costs
// nothing while there are no calls.
type alarm struct {
	now       func() time.Time     // the clock on the wall, which goes on while the machine sleeps
	running   func() time.Duration // how long the program has run, without sleeps
	addresses func() string

	mu     sync.Mutex
	ahead  time.Time // what the clock showed when the program started, as far as is known
	looked time.Duration
	seen   string
}

// newAlarm returns an alarm that knows the present state.
func newAlarm(o Options) *alarm {
	started := time.Now()
	a := &alarm{now: o.Now, running: func() time.Duration { return time.Since(started) }, addresses: o.Addresses}
	a.ahead, a.seen = a.wall(), a.addresses()
	return a
}

// wall returns the time on the wall. Without Round, differences would come from the clock that stops during a sleep.
func (a *alarm) wall() time.Time { return a.now().Round(0) }

// rings reports whether connections from before its last call may be dead.
func (a *alarm) rings() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	running := a.running()
	ahead := a.wall().Add(-running)
	slept := ahead.Sub(a.ahead).Abs() > sleepFor
	if slept {
		a.ahead = ahead
	}
	if !slept && running-a.looked < addressesEvery {
		return false
	}
	a.looked = running
	now := a.addresses()
	moved := now != a.seen
	a.seen = now
	return slept || moved
}

// addresses returns the addresses of the machine as one text. It returns the same text while they can't be read.
func addresses() string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	return fmt.Sprint(all)
}

// listen makes a driver drop its connections, and a breaker look again at a remote that is away, if the alarm rings.
func (b *breaker) listen() {
	if _, ok := b.driver().(reconnecter); !ok || !b.alarm.rings() {
		return
	}
	b.o.Log.Info("the machine has slept, or its network has changed: connecting anew")
	b.reconnect()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// reconnect drops the connections of the driver, if it has any.
func (b *breaker) reconnect() {
	if r, ok := b.driver().(reconnecter); ok {
		r.Reconnect()
	}
}

// opened returns the driver of a late remote; nil while it is not open.
func (l *late) opened() remote.Store {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.store
}
