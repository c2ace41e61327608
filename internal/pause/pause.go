// Package pause waits.
package pause

import (
	"context"
	"time"
)

// For waits for d, or until ctx ends, whose cause it returns then.
func For(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return context.Cause(ctx)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}
