package content

import (
	"context"
	"io"

	"postern/crypto"
	"postern/vfs/object"
	"postern/vfs/staging"
)

// index collects a file's chunks and stages index nodes as they fill, so that a file of any length is written in
// bounded memory.
type index struct {
	batch  *staging.Batch
	rand   io.Reader
	levels []level
}

// level holds the items of one level that are not yet in a node.
type level struct {
	content object.Content
	emitted bool // some items of this level are already in nodes
}

func (x *index) at(n int) *level {
	for len(x.levels) <= n {
		x.levels = append(x.levels, level{content: object.Content{Level: uint8(len(x.levels))}})
	}
	return &x.levels[n]
}

// add adds the file's next chunk.
func (x *index) add(ctx context.Context, c object.Chunk) error {
	l := x.at(0)
	l.content.Chunks = append(l.content.Chunks, c)
	return x.spill(ctx, 0)
}

// spill stages the full nodes. A full level never fits into an entry, so it always needs its own node.
func (x *index) spill(ctx context.Context, n int) error {
	for l := x.at(n); len(l.content.Chunks)+len(l.content.Nodes) == object.IndexFanout; l = x.at(n) {
		if err := x.emit(ctx, n); err != nil {
			return err
		}
		n++
	}
	return nil
}

// emit stages a node with the items of a level, and adds it to the level above.
func (x *index) emit(ctx context.Context, n int) error {
	c := x.at(n).content
	key, err := crypto.Random[crypto.NodeKey](x.rand)
	if err != nil {
		return err
	}
	sealed := crypto.SealNode(nil, key, object.AppendIndex(nil, c))
	ref := object.Ref{Len: uint32(len(sealed)), Key: key}
	blob, err := crypto.Pad(sealed, x.rand)
	if err != nil {
		return err
	}
	if ref.Blob, err = x.batch.Add(ctx, blob); err != nil {
		return err
	}
	above := x.at(n + 1)
	above.content.Nodes = append(above.content.Nodes, ref)
	x.levels[n] = level{content: object.Content{Level: c.Level}, emitted: true}
	return nil
}

// finish stages the rest and returns the content for the file's entry.
func (x *index) finish(ctx context.Context) (object.Content, error) {
	for n := 0; ; n++ {
		l := x.at(n)
		items := len(l.content.Chunks) + len(l.content.Nodes)
		if !l.emitted && items <= object.InlineItems {
			return l.content, nil
		}
		if items > 0 {
			if err := x.emit(ctx, n); err != nil {
				return object.Content{}, err
			}
		}
		if err := x.spill(ctx, n+1); err != nil {
			return object.Content{}, err
		}
	}
}
