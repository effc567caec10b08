package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// farLine forwards connections to a server as a long line does: every byte takes half a round trip, a new connection a
// whole one more, and each direction of the line carries so many bytes a second, whatever the number of connections.
type farLine struct {
	to        string
	roundTrip time.Duration
	rate      float64 // bytes a second in each direction; 0: no limit
	listener  net.Listener
	up, down  direction
}

// direction is one direction of a line, which all connections share.
type direction struct {
	mu   sync.Mutex
	free time.Time // when what was sent before is through
}

// maxUnderWay bounds what one connection has on the line, in pieces of up to 32 KiB: at 50 ms more than a gigabit a
// second.
const maxUnderWay = 512

// piece is what was read at once, and when it arrives.
type piece struct {
	b  []byte
	at time.Time
}

// startLine starts a line to a server. It ends with ctx.
func startLine(ctx context.Context, to string, roundTrip time.Duration, rate float64) (*farLine, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &farLine{to: to, roundTrip: roundTrip, rate: rate, listener: listener}
	context.AfterFunc(ctx, func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go l.carry(ctx, conn)
		}
	}()
	return l, nil
}

// addr is where the line begins.
func (l *farLine) addr() string { return l.listener.Addr().String() }

// carry forwards one connection until both directions have ended.
func (l *farLine) carry(ctx context.Context, near net.Conn) {
	defer func() { _ = near.Close() }()
	ended := context.AfterFunc(ctx, func() { _ = near.Close() })
	defer ended()
	<-time.After(l.roundTrip) // the handshake
	far, err := net.Dial("tcp", l.to)
	if err != nil {
		return
	}
	defer func() { _ = far.Close() }()
	var both sync.WaitGroup
	both.Go(func() { l.forward(far, near, &l.up) })
	both.Go(func() { l.forward(near, far, &l.down) })
	both.Wait()
}

// forward copies one direction, each byte late.
func (l *farLine) forward(to, from net.Conn, d *direction) {
	line := make(chan piece, maxUnderWay)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(line)
		for {
			b := make([]byte, 32<<10)
			n, err := from.Read(b)
			if n > 0 {
				line <- piece{b[:n], l.arrival(d, n)}
			}
			if err != nil {
				return
			}
		}
	})
	for p := range line {
		if wait := time.Until(p.at); wait > 0 {
			<-time.After(wait)
		}
		if _, err := to.Write(p.b); err != nil {
			_ = from.Close()
			for range line { // so that the reader ends
			}
			break
		}
	}
	if c, ok := to.(*net.TCPConn); ok {
		_ = c.CloseWrite()
	}
	reader.Wait()
}

// arrival returns when n bytes that are sent now have arrived.
func (l *farLine) arrival(d *direction, n int) time.Time {
	now := time.Now()
	if l.rate > 0 {
		d.mu.Lock()
		if d.free.Before(now) {
			d.free = now
		}
		d.free = d.free.Add(time.Duration(float64(n) / l.rate * float64(time.Second)))
		now = d.free
		d.mu.Unlock()
	}
	return now.Add(l.roundTrip / 2)
}
