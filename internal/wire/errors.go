package wire

import (
	"context"
	"errors"
	"net"
	"net/http"

	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/internal/inventory"
)

// HTTPStatus is the HTTP status for a code, for routes that do not speak Connect.
func HTTPStatus(code inventory.Code) int {
	switch code {
	case inventory.CodeInvalid:
		return http.StatusBadRequest
	case inventory.CodeNotFound:
		return http.StatusNotFound
	case inventory.CodeConflict:
		return http.StatusConflict
	case inventory.CodeUnauthenticated:
		return http.StatusUnauthorized
	case inventory.CodeForbidden:
		return http.StatusForbidden
	case inventory.CodeTooLarge:
		return http.StatusRequestEntityTooLarge
	case inventory.CodeUnavailable:
		return http.StatusServiceUnavailable
	case inventory.CodeInternal:
		return http.StatusInternalServerError
	}
	return http.StatusInternalServerError
}

// ConnectError is what a handler returns for err: a domain error with its code and message,
// everything else as "internal error" without detail. The caller logs err before.
func ConnectError(err error) error {
	if err == nil {
		return nil
	}
	var domain *inventory.Error
	var already *connect.Error
	switch {
	case errors.As(err, &domain):
		if domain.Code != inventory.CodeInternal {
			return connect.NewError(connectCode(domain.Code), domain.Message).WithCause(err)
		}
	case errors.As(err, &already):
		return already
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, "cancelled").WithCause(err)
	case errors.Is(err, context.DeadlineExceeded):
		return connect.NewError(connect.CodeDeadlineExceeded, "took too long").WithCause(err)
	}
	return connect.NewError(connect.CodeInternal, "internal error").WithCause(err)
}

func connectCode(code inventory.Code) connect.Code {
	switch code {
	case inventory.CodeInvalid:
		return connect.CodeInvalidArgument
	case inventory.CodeNotFound:
		return connect.CodeNotFound
	case inventory.CodeConflict:
		return connect.CodeAlreadyExists
	case inventory.CodeUnauthenticated:
		return connect.CodeUnauthenticated
	case inventory.CodeForbidden:
		return connect.CodePermissionDenied
	case inventory.CodeTooLarge:
		return connect.CodeResourceExhausted
	case inventory.CodeUnavailable:
		return connect.CodeUnavailable
	case inventory.CodeInternal:
		return connect.CodeInternal
	}
	return connect.CodeInternal
}

// FromConnect is the domain error for what a call returned. The cause stays in its chain, so
// errors.Is still finds context.Canceled.
func FromConnect(err error) error {
	if err == nil {
		return nil
	}
	var domain *inventory.Error
	if errors.As(err, &domain) {
		return err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		// A TLS alert: the collector did not take our certificate.
		return &inventory.Error{Code: inventory.CodeUnauthenticated, Message: "the collector refused the TLS connection", Err: op}
	}
	var remote *connect.Error
	if !errors.As(err, &remote) {
		return &inventory.Error{Code: inventory.CodeUnavailable, Message: "call failed", Err: err}
	}
	code := codeFromConnect(remote.Code())
	if cause := remote.Unwrap(); cause != nil && !remote.IsRemote() {
		return &inventory.Error{Code: code, Message: "no answer from the collector", Err: cause}
	}
	message := remote.Message()
	if message == "" {
		message = remote.Code().String()
	}
	return &inventory.Error{Code: code, Message: message}
}

func codeFromConnect(code connect.Code) inventory.Code {
	switch code {
	case connect.CodeInvalidArgument, connect.CodeOutOfRange:
		return inventory.CodeInvalid
	case connect.CodeNotFound, connect.CodeUnimplemented:
		return inventory.CodeNotFound
	case connect.CodeAlreadyExists, connect.CodeAborted, connect.CodeFailedPrecondition:
		return inventory.CodeConflict
	case connect.CodeUnauthenticated:
		return inventory.CodeUnauthenticated
	case connect.CodePermissionDenied:
		return inventory.CodeForbidden
	case connect.CodeResourceExhausted:
		return inventory.CodeTooLarge
	case connect.CodeUnavailable, connect.CodeDeadlineExceeded, connect.CodeCanceled:
		return inventory.CodeUnavailable
	case connect.CodeUnknown, connect.CodeDataLoss, connect.CodeInternal:
		return inventory.CodeInternal
	}
	return inventory.CodeInternal
}
