package source_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestStatus(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status inventory.Status
		reason string
	}{
		{"whole", nil, inventory.StatusOK, ""},
		{"partial", source.Partial("no serial: %s", "run as root"), inventory.StatusPartial, "no serial: run as root"},
		{"wrapped partial", fmt.Errorf("smbios: %w", source.Partial("cut")), inventory.StatusPartial, "smbios: cut"},
		{"unsupported", source.Unsupported("no dpkg here"), inventory.StatusUnsupported, "no dpkg here"},
		{"failed", errors.New("disk on fire"), inventory.StatusFailed, "disk on fire"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, reason := source.Status(tt.err)
			if status != tt.status || reason != tt.reason {
				t.Errorf("got %s %q, want %s %q", status, reason, tt.status, tt.reason)
			}
		})
	}
}
