package reconcile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

// Every entry of a list must take effect: one that is written otherwise than what it is
// compared with would silently match nothing.
func TestListsTakeEffect(t *testing.T) {
	effect := map[string]func(entry string) bool{
		"serial.txt": func(e string) bool { _, ok := reconcile.Serial(strings.TrimSuffix(e, "*")); return !ok },
		"uuid.txt":   func(e string) bool { _, ok := reconcile.UUID(e); return !ok },
		"name.txt":   func(e string) bool { _, _, ok := reconcile.Name(e, ""); return !ok },
		"maker.txt":  func(e string) bool { return reconcile.Maker(e) == e },
		"state.txt": func(e string) bool {
			read := reconcile.Read(inventory.Source{Kind: inventory.KindImport}, monday, map[inventory.SectionName]inventory.Body{inventory.SectionDevice: &inventory.Device{State: e}})
			return len(read.Claims) == 1 && read.Claims[0].Type == reconcile.TypeGone
		},
		"mac.txt": func(e string) bool {
			digits := strings.ReplaceAll(e, ":", "")
			_, ok := reconcile.MAC(digits + "4711aabbccdd"[:12-len(digits)])
			return ok || e == "11:11:11"
		},
	}
	files, err := filepath.Glob("data/*.txt")
	if err != nil || len(files) != len(effect) {
		t.Fatalf("%d lists, %v; want %d", len(files), err, len(effect))
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		had := map[string]bool{}
		for line := range strings.Lines(string(text)) {
			words := strings.Fields(line)
			if len(words) == 0 || strings.HasPrefix(words[0], "#") {
				continue
			}
			e := words[0]
			if had[e] {
				t.Errorf("%s: %s stands there twice", f, e)
			}
			had[e] = true
			if !effect[filepath.Base(f)](e) {
				t.Errorf("%s: %s has no effect", f, e)
			}
		}
	}
}
