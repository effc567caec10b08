package vfs

import "context"

// The MD5 is half of the work of storing a large file, and few clients ever read it. So a file may be stored without
// it: Info.MD5 is then zero until the MD5 has been computed from the stored bytes, before the file is committed or when
// a caller needs it.

type lateMD5Key struct{}

// LateMD5 marks the context of a Create: the upload may be committed without its MD5, if hashing would slow it down.
func LateMD5(ctx context.Context) context.Context { return context.WithValue(ctx, lateMD5Key{}, true) }

// MayBeLate reports whether a context was marked by LateMD5.
func MayBeLate(ctx context.Context) bool { return ctx.Value(lateMD5Key{}) != nil }

type needMD5Key struct{}

// NeedMD5 marks the context of a Stat or List: the call waits until every MD5 that it returns is known. An MD5 stays
// zero if the file's bytes can't be read.
func NeedMD5(ctx context.Context) context.Context { return context.WithValue(ctx, needMD5Key{}, true) }

// NeedsMD5 reports whether a context was marked by NeedMD5.
func NeedsMD5(ctx context.Context) bool { return ctx.Value(needMD5Key{}) != nil }

// LacksMD5 reports whether this is a file whose MD5 is not known yet.
func (i Info) LacksMD5() bool { return !i.Folder && i.Size > 0 && i.MD5 == [16]byte{} }
