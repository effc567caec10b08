package auth

import "context"

type userKey struct{}

// User is the name of the user whose request this is; "" outside a handler that New has wrapped.
func User(ctx context.Context) string {
	name, _ := ctx.Value(userKey{}).(string)
	return name
}

func withUser(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, userKey{}, name)
}
