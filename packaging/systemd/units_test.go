package systemd_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// exposure is the limit of systemd-analyze's score, in tenths.
const exposure = "20"

func TestUnitsAreHardened(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("systemd-analyze is missing: make setup")
		}
		t.Skip("systemd-analyze is missing: make setup")
	}
	units, err := filepath.Glob("*.service")
	if err != nil || len(units) != 3 {
		t.Fatalf("units %q, %v", units, err)
	}
	for _, unit := range units {
		t.Run(unit, func(t *testing.T) {
			path, err := filepath.Abs(unit)
			if err != nil {
				t.Fatal(err)
			}
			if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold="+exposure, path).CombinedOutput(); err != nil {
				t.Errorf("exposed more than %s tenths: %v\n%s", exposure, err, out)
			}
		})
	}
}
