package auth

import "context"

type userKey struct{}

// User returns the name of the request's user, or "" outside a handler that New has wrapped.
func User(ctx context.Context) string {
	name, _ := ctx.Value(userKey{}).(string)
	return name
}

func withUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}
