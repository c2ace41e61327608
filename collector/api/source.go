package api

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"strconv"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// sourceError is what a source is told about err: domain errors as they are, a store out
// of reach as "come back later", everything else logged and shown as internal.
func sourceError(ctx context.Context, log *slog.Logger, err error) error {
	var slow *identity.ThrottledError
	switch {
	case errors.As(err, &slow):
		retryAfter(ctx, slow.After)
		return connect.NewError(connect.CodeResourceExhausted, slow.Error())
	case store.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		log.WarnContext(ctx, "store unavailable", "caller", identity.CallerOf(ctx).String(), "error", err)
		err = inventory.Errorf(inventory.CodeUnavailable, "the inventory cannot be written: try again later")
	case inventory.CodeOf(err) == inventory.CodeInternal && ctx.Err() == nil:
		log.ErrorContext(ctx, "call failed", "caller", identity.CallerOf(ctx).String(), "error", err)
	}
	if inventory.CodeOf(err) == inventory.CodeUnavailable {
		retryAfter(ctx, 10*time.Second)
	}
	return wire.ConnectError(err)
}

// retryAfter asks the caller to wait that long and up to as long again: what was sent
// away together must not come back together.
func retryAfter(ctx context.Context, wait time.Duration) {
	if info, ok := connect.CallInfoForServerContext(ctx); ok {
		seconds := 1 + int(wait/time.Second)
		info.ResponseHeader().Set("Retry-After", strconv.Itoa(seconds+rand.IntN(seconds)))
	}
}
