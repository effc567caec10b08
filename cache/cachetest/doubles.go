package cachetest

import (
	"context"
	"errors"
	"maps"
	"sync"

	"postern/cache/tier"
	"postern/crypto"
)

// Map is a tier that keeps everything.
type Map struct {
	mu     sync.Mutex
	blocks map[tier.Key]tier.Block
}

// NewMap returns an empty Map.
func NewMap() *Map { return &Map{blocks: map[tier.Key]tier.Block{}} }

// Get implements tier.Tier.
func (m *Map) Get(_ context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	for i, k := range keys {
		m.mu.Lock()
		b, ok := m.blocks[k]
		m.mu.Unlock()
		if ok {
			found(i, b)
		}
	}
	return nil
}

// Put implements tier.Tier.
func (m *Map) Put(_ context.Context, blocks []tier.Entry) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, b := range blocks {
		m.blocks[b.Key] = b.Block
	}
	return nil
}

// Delete implements tier.Tier.
func (m *Map) Delete(_ context.Context, blob crypto.BlobName) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.blocks, func(k tier.Key, _ tier.Block) bool { return k.Blob == blob })
	return nil
}

// Close implements tier.Tier.
func (m *Map) Close() error { return nil }

// Forget forgets one block.
func (m *Map) Forget(k tier.Key) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blocks, k)
}

// Len returns how many blocks are held.
func (m *Map) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.blocks)
}

// ErrDown is the error of a Failing tier.
var ErrDown = errors.New("the tier is down")

// Failing returns a tier of which every n-th call fails; 1: all.
func Failing(inner tier.Tier, n int) tier.Tier {
	calls := counter{every: n}
	return double{inner, func(context.Context) (bool, error) {
		if calls.hit() {
			return false, ErrDown
		}
		return true, nil
	}}
}

// Forgetting returns a tier of which every n-th call does nothing; 1: all.
func Forgetting(inner tier.Tier, n int) tier.Tier {
	calls := counter{every: n}
	return double{inner, func(context.Context) (bool, error) { return !calls.hit(), nil }}
}

// Slow returns a tier whose calls take until their context ends.
func Slow(inner tier.Tier) tier.Tier {
	return double{inner, func(ctx context.Context) (bool, error) {
		<-ctx.Done()
		return true, nil
	}}
}

// Stuck returns a tier whose calls block until release is closed, whatever their context, and then proceed.
func Stuck(inner tier.Tier, release <-chan struct{}) tier.Tier {
	return double{inner, func(context.Context) (bool, error) {
		<-release
		return true, nil
	}}
}

// double is a tier that passes a call to another tier unless before prevents it.
type double struct {
	tier.Tier
	before func(context.Context) (bool, error)
}

func (d double) Get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	if ok, err := d.before(ctx); !ok {
		return err
	}
	return d.Tier.Get(ctx, keys, found)
}

func (d double) Put(ctx context.Context, blocks []tier.Entry) error {
	if ok, err := d.before(ctx); !ok {
		return err
	}
	return d.Tier.Put(ctx, blocks)
}

func (d double) Delete(ctx context.Context, blob crypto.BlobName) error {
	if ok, err := d.before(ctx); !ok {
		return err
	}
	return d.Tier.Delete(ctx, blob)
}

type counter struct {
	every int
	mu    sync.Mutex
	n     int
}

func (c *counter) hit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n%c.every == 0
}

// Lying returns a tier that changes what it returns as lie says, keeps what was deleted, and calls found too often, out
// of range, and once more when the next Get begins.
func Lying(inner tier.Tier, lie func(k tier.Key, b tier.Block) tier.Block) tier.Tier {
	return &lying{Tier: inner, lie: lie}
}

type lying struct {
	tier.Tier
	lie func(tier.Key, tier.Block) tier.Block

	mu   sync.Mutex
	late []func()
}

func (l *lying) Get(ctx context.Context, keys []tier.Key, found func(int, tier.Block)) error {
	var late []func()
	l.mu.Lock()
	late, l.late = l.late, nil
	l.mu.Unlock()
	for _, again := range late {
		again()
	}
	return l.Tier.Get(ctx, keys, func(i int, b tier.Block) {
		b = l.lie(keys[i], b)
		found(i, b)
		found(i, tier.Block{Data: make([]byte, len(b.Data))})
		found(-1, b)
		found(len(keys), b)
		l.mu.Lock()
		defer l.mu.Unlock()
		l.late = append(l.late, func() { found(i, b) })
	})
}

func (l *lying) Delete(context.Context, crypto.BlobName) error { return nil }
