//go:build linux

package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// A collector whose disk is full says so and acknowledges nothing that it did not keep; it
// answers questions meanwhile, and goes on by itself when there is room again.
func TestF03CollectorsDiskIsFull(t *testing.T) {
	if os.Getuid() != 0 {
		if os.Getenv("CI") != "" {
			t.Fatal("needs root to mount a small disk")
		}
		t.Skip("needs root to mount a small disk")
	}
	dir := t.TempDir()
	if err := syscall.Mount("muster-test", dir, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Fatalf("mount a small disk: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	c := startCollector(t, dir, "127.0.0.1:0")
	state := filepath.Join(t.TempDir(), "state")
	if _, err := wire.Enroll(t.Context(), wire.EnrollConfig{StateDir: state, Collector: c.url(), Token: inventory.Secret(c.token("--uses", "1")),
		Kind: inventory.KindAgent, Hostname: "host", Version: "test"}); err != nil {
		t.Fatal(err)
	}
	agent, err := wire.Open(state, "test")
	if err != nil {
		t.Fatal(err)
	}
	defer agent.Close()
	seq := int64(0)
	report := func(name string) error {
		seq++
		// Large enough to need new room, and no two alike.
		var list inventory.SoftwareList
		for i := range 500 {
			list = append(list, inventory.Software{Source: "deb", Name: fmt.Sprintf("%s-%d", name, i), Version: strings.Repeat("1.", 40)})
		}
		o := inventory.Observation{Epoch: 1, Seq: seq, SeenAt: time.Now(), Complete: true, Sections: []inventory.Section{
			{Name: inventory.SectionDevice, Status: inventory.StatusOK, Body: &inventory.Device{Name: name, Serial: "SN000001"}},
			{Name: inventory.SectionSoftware, Status: inventory.StatusOK, Body: list},
		}}
		r, err := agent.Report(t.Context(), wire.Report{Observations: []inventory.Observation{o}})
		if err == nil && r.Acks[0].Outcome != wire.OutcomeAccepted {
			t.Fatalf("answered %+v", r.Acks[0])
		}
		return err
	}
	if err := report("before"); err != nil {
		t.Fatal(err)
	}

	filler := filepath.Join(dir, "filler")
	fill(t, filler)
	refused, last := 0, "before"
	for i := range 20 {
		name := fmt.Sprintf("full%d", i)
		switch err := report(name); inventory.CodeOf(err) {
		case "":
			last = name // there was room in what it had
		case inventory.CodeUnavailable:
			refused++
		default:
			t.Fatalf("on a full disk: %v", err)
		}
	}
	if refused == 0 {
		t.Fatal("a full disk refused nothing: the test does not show what it should")
	}
	wantName := func(want string) {
		t.Helper()
		var found []asset
		if c.ask(&found, "assets"); len(found) != 1 || found[0].Name != want {
			t.Errorf("assets %+v, want %s", found, want)
		}
	}
	wantName(last) // what was acknowledged is there, what was not is not, and reads work

	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(30 * time.Second)
	for err = report("after"); err != nil; err = report("after") {
		if time.Now().After(deadline) {
			t.Fatalf("with room again: %v", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	wantName("after")
	c.kill()
	c.start() // and what it wrote is whole
	wantName("after")
	t.Logf("%d reports refused on a full disk", refused)
}

// fill writes until the disk is full.
func fill(t *testing.T, file string) {
	t.Helper()
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 64<<10)
	for size := len(block); size > 0; {
		if _, err := f.Write(block[:size]); err != nil {
			size /= 2
		}
	}
}
