package publish

import (
	"debug/buildinfo"
	"fmt"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Identify says for which system a program of the agent was built: what the linker wrote into
// it is right more often than what a person types.
func Identify(program string) (goos, goarch string, err error) {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return "", "", fmt.Errorf("identify %s: %w", program, err)
	}
	if !strings.HasSuffix(info.Path, "/cmd/muster-agent") {
		return "", "", inventory.Errorf(inventory.CodeInvalid, "identify %s: it is %s, not muster-agent", program, info.Path)
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "GOOS":
			goos = s.Value
		case "GOARCH":
			goarch = s.Value
		}
	}
	if goos == "" || goarch == "" {
		return "", "", inventory.Errorf(inventory.CodeInvalid, "identify %s: it does not say for which system it was built", program)
	}
	return goos, goarch, nil
}
