// Package source is the contract between the agent, which runs sources under
// deadlines, and the packages that read one thing each from the machine.
//
// It owns what a source is and how it says that its answer is not whole. It refuses
// to know what is read (agent/hardware, agent/software) or what becomes of it
// (agent, which runs sources, merges bodies and sends sections).
package source

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Source reads one thing from the machine.
//
// Several sources may feed one section. The caller joins what they return: bodies
// about one thing (Device, OS, Hardware) field by field, where the first source in
// the list that has a value wins, with identifiers concatenated; lists are
// concatenated.
type Source struct {
	Section inventory.SectionName
	// Name is unique within the agent; it appears in logs and reasons: "smbios", "dpkg".
	Name string
	// Category is what the host's owner must allow for the source to run at all. It is needed
	// only where the section does not say it: every source of users, printers, peripherals,
	// neighbours and usage is of that category anyway, and of a source that runs, the agent
	// itself blanks the fields whose category is switched off.
	Category Category
	// Timeout bounds one Read. Read returns soon after its context has ended, unless the
	// kernel holds it (a dead disk): who calls it does not wait for ever.
	Timeout time.Duration
	// Read looks once. Its answers are:
	//
	//	body, nil          the whole truth; an empty body means that there is nothing
	//	body, Partial      the body is valid but something is missing
	//	nil, Unsupported   this machine has nothing of the sort, or cannot tell
	//	nil, other error   the look failed
	//
	// It is safe for concurrent use with other sources, not with itself.
	Read func(ctx context.Context) (inventory.Body, error)
}

// PartialError says that a body came with it and is valid but not whole.
type PartialError struct {
	// Reason is for an administrator: what is missing and how to get it.
	Reason string
}

func (e *PartialError) Error() string { return e.Reason }

// UnsupportedError says that the source has nothing to read on this machine.
type UnsupportedError struct {
	// Reason is for an administrator.
	Reason string
}

func (e *UnsupportedError) Error() string { return e.Reason }

// Partial makes the error that accompanies a valid but incomplete body.
func Partial(format string, args ...any) error {
	return &PartialError{Reason: fmt.Sprintf(format, args...)}
}

// Unsupported makes the error of a source that has nothing to read here.
func Unsupported(format string, args ...any) error {
	return &UnsupportedError{Reason: fmt.Sprintf(format, args...)}
}

// Status is what err, as returned by Read, means for a section, and the reason in words.
func Status(err error) (status inventory.Status, reason string) {
	var partial *PartialError
	var unsupported *UnsupportedError
	switch {
	case err == nil:
		return inventory.StatusOK, ""
	case errors.As(err, &partial):
		return inventory.StatusPartial, err.Error()
	case errors.As(err, &unsupported):
		return inventory.StatusUnsupported, err.Error()
	default:
		return inventory.StatusFailed, err.Error()
	}
}
