package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"postern/cmd/postern/control"
	"postern/cmd/postern/home"
	"postern/cmd/postern/say"
	"postern/crypto"
	"postern/remote"
	"postern/vfs"
)

// facts collects lines.
type facts []control.Fact

func (f *facts) add(name, format string, args ...any) {
	*f = append(*f, control.Fact{Name: name, Value: fmt.Sprintf(format, args...)})
}

// Inspect implements control.Gateway.
func (g *gateway) Inspect(ctx context.Context, what string) ([]control.Fact, error) {
	switch {
	case what == "":
		return g.inspectPointer(ctx, g.account.Secret.Writer().ID())
	case strings.HasPrefix(what, "/"):
		return g.inspectPath(ctx, what)
	}
	raw, err := hex.DecodeString(what)
	if err != nil || len(raw) != len(crypto.BlobName{}) {
		return nil, say.Usagef("%q is neither a path of the drive, which begins with a slash, nor the 64 hex digits of a "+
			"blob or a pointer", what)
	}
	found, err := g.inspectBlob(ctx, crypto.BlobName(raw))
	if !errors.Is(err, remote.ErrNotFound) {
		return found, err
	}
	found, err = g.inspectPointer(ctx, crypto.PointerID(raw))
	if errors.Is(err, remote.ErrNotFound) {
		return nil, say.Advisef("the remote has neither a blob nor a pointer %s: look whether all digits are right", what)
	}
	return found, err
}

func (g *gateway) inspectPath(ctx context.Context, path string) (f facts, err error) {
	if len(path) > 1 {
		path = strings.TrimRight(path, "/")
	}
	info, err := g.drive.fs.Stat(vfs.NeedMD5(ctx), path)
	if err != nil {
		return nil, err
	}
	f.add("path", "%s", path)
	f.add("kind", "%s", say.IfElse(info.Folder, "folder", "file"))
	f.add("size", "%d bytes", info.Size)
	if info.Folder {
		count := 0
		for _, err := range g.drive.fs.List(ctx, path) {
			if err != nil {
				return nil, err
			}
			count++
		}
		f.add("entries", "%d", count)
	}
	f.add("modified", "%s", info.Modified.UTC().Format(time.RFC3339Nano))
	f.add("created", "%s", info.Created.UTC().Format(time.RFC3339Nano))
	f.add("version", "%x", info.Version[:])
	if info.ReadOnly {
		f.add("writable", "no")
	}
	if !info.Folder {
		f.add("type", "%s", info.ContentType)
		f.add("md5", "%x", info.MD5)
		f.add("sha1", "%x", info.SHA1)
	}
	for _, p := range info.Properties {
		f.add("property", "%s %s, %d bytes", p.Name.Space, p.Name.Local, len(p.Value))
	}
	return f, nil
}

func (g *gateway) inspectBlob(ctx context.Context, name crypto.BlobName) (f facts, err error) {
	size, err := g.drive.cache.Stat(ctx, name)
	if err != nil {
		return nil, err
	}
	f.add("blob", "%s", name)
	f.add("size", "%d bytes (%s)", size, home.Size(size))
	f.add("padded", "%s", say.IfElse(int64(crypto.PaddedSize(int(min(size, crypto.MaxBlobSize)))) == size, "yes",
		"no: this is no blob of Postern's"))
	if _, err := g.drive.cache.Get(remote.PastCaches(ctx), name); errors.Is(err, remote.ErrCorrupt) {
		f.add("intact", "no: its bytes do not hash to its name")
	} else if err != nil {
		return nil, err
	} else {
		f.add("intact", "yes: its bytes hash to its name")
	}
	return f, nil
}

func (g *gateway) inspectPointer(ctx context.Context, id crypto.PointerID) (f facts, err error) {
	pointer, err := g.drive.cache.Load(ctx, id)
	if err != nil {
		return nil, err
	}
	own := id == g.account.Secret.Writer().ID()
	f.add("pointer", "%s", hex.EncodeToString(id[:]))
	f.add("of", "%s", say.IfElse(own, "this account's drive",
		"another space or a login record: this account can't open it"))
	f.add("sequence", "%d", pointer.Seq)
	hash := pointer.Hash()
	f.add("hash", "%s", hex.EncodeToString(hash[:]))
	f.add("signature", "%s", say.IfElse(pointer.Verify() == nil, "right", "WRONG"))
	if pin, known, err := g.pins.Load(id); err != nil {
		return nil, err
	} else if known {
		f.add("pinned", "sequence %s%s", strconv.FormatUint(pin.Seq, 10),
			say.IfElse(pin.Hash == hash, ", this very state", ""))
	}
	if own {
		_, err := crypto.OpenValue(g.account.Secret.Reader(), pointer)
		f.add("opens", "%s", say.IfElse(err == nil, "yes", "NO"))
	}
	return f, nil
}
