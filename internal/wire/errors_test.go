package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

func TestErrorsSurviveTheWire(t *testing.T) {
	for _, code := range []inventory.Code{
		inventory.CodeInvalid, inventory.CodeNotFound, inventory.CodeConflict, inventory.CodeUnauthenticated,
		inventory.CodeForbidden, inventory.CodeTooLarge, inventory.CodeUnavailable,
	} {
		t.Run(string(code), func(t *testing.T) {
			err := fmt.Errorf("list things: %w", inventory.Errorf(code, "no %s", "luck"))
			sent := wire.ConnectError(err)
			var ce *connect.Error
			if !errors.As(sent, &ce) || ce.Message() != "no luck" {
				t.Fatalf("sent %v, want the domain error's own message", sent)
			}
			got := wire.FromConnect(sent)
			if inventory.CodeOf(got) != code || !strings.Contains(got.Error(), "no luck") {
				t.Errorf("got %v (%s)", got, inventory.CodeOf(got))
			}
			if s := wire.HTTPStatus(code); s < 400 || s > 599 || s == 500 {
				t.Errorf("status %d", s)
			}
		})
	}
}

func TestInternalErrorsTellNothing(t *testing.T) {
	for _, err := range []error{
		errors.New("dial postgres://muster:hunter2@db"),
		inventory.Errorf(inventory.CodeInternal, "hunter2"),
		fmt.Errorf("wrapped: %w", errors.New("hunter2")),
	} {
		var ce *connect.Error
		if !errors.As(wire.ConnectError(err), &ce) || ce.Code() != connect.CodeInternal || ce.Message() != "internal error" {
			t.Errorf("%v became %v", err, ce)
		}
	}
	if wire.HTTPStatus(inventory.CodeInternal) != 500 || wire.HTTPStatus("new") != 500 {
		t.Error("internal and unknown codes must be 500")
	}
}

func TestErrorsOfContexts(t *testing.T) {
	err := wire.ConnectError(fmt.Errorf("query: %w", context.DeadlineExceeded))
	if connect.CodeOf(err) != connect.CodeDeadlineExceeded {
		t.Errorf("got %v", err)
	}
	got := wire.FromConnect(connect.NewError(connect.CodeCanceled, "").WithCause(context.Canceled))
	if !errors.Is(got, context.Canceled) || inventory.CodeOf(got) != inventory.CodeUnavailable {
		t.Errorf("got %v", got)
	}
	if wire.ConnectError(nil) != nil || wire.FromConnect(nil) != nil {
		t.Error("no error must stay none")
	}
}
