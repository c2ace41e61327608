package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// simulator serves recorded devices, each on a loopback address of its own. It and the
// recordings lie beside the project and are no part of it.
const simulator = "../shared/snmp"

// snmpOptions are the flags of the benchmark of SNMP devices.
type snmpOptions struct {
	devices, concurrency int
	latency              time.Duration
	loss                 float64
	v3, full             bool
}

// readDevices lets muster-scanner identify simulated devices and says what that cost. The
// simulator shares the machine: what it takes is told beside it.
func readDevices(ctx context.Context, dir string, o snmpOptions) (err error) {
	scanner, sim := filepath.Join(dir, "muster-scanner"), filepath.Join(dir, "snmpsimd")
	for _, b := range [][]string{{"build", "-o", scanner, "./cmd/muster-scanner"}, {"build", "-C", simulator + "/snmpsimd", "-o", sim, "."}} {
		if out, err := exec.CommandContext(ctx, "go", b...).CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(b, " "), err, out)
		}
	}
	port, err := freePort()
	if err != nil {
		return err
	}
	list := filepath.Join(dir, "devices.map")
	serve := exec.CommandContext(ctx, sim, "-data", simulator+"/data/walks.tar.gz", "-count", strconv.Itoa(o.devices), "-base", "127.10.0.1",
		"-port", port, "-latency", o.latency.String(), "-loss", fmt.Sprint(o.loss), "-write-map", list,
		"-user", "reader:sha256:auth-password:aes:priv-password")
	if err := serve.Start(); err != nil {
		return err
	}
	defer func() {
		stopped := serve.Process.Signal(syscall.SIGTERM)
		err = errors.Join(err, stopped, serve.Wait())
		fmt.Printf("simulator: %s of CPU\n", cpuOf(serve.ProcessState).Round(10*time.Millisecond))
	}()
	if err := writeTargets(ctx, list, filepath.Join(dir, "targets")); err != nil {
		return err
	}
	credential := "community: public"
	if o.v3 {
		credential = "version: 3, user: reader, auth: sha256, auth_password: auth-password, priv: aes, priv_password: priv-password"
	}
	config := filepath.Join(dir, "snmp.yml")
	if err := os.WriteFile(config, []byte("credentials:\n  - {"+credential+"}\n"), 0o600); err != nil {
		return err
	}
	args := []string{"identify", "--targets", filepath.Join(dir, "targets"), "--snmp-config", config, "--port", port,
		"--concurrency", strconv.Itoa(o.concurrency)}
	if o.full {
		args = append(args, "--full", "--rate", "100000")
	}
	return identified(exec.CommandContext(ctx, scanner, args...), o.devices)
}

// identified runs the scanner and counts what it printed.
func identified(cmd *exec.Cmd, devices int) error {
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	begun := time.Now()
	err := cmd.Run()
	took := time.Since(begun)
	if cmd.ProcessState == nil {
		return err
	}
	found, partial, vendors, reasons := 0, 0, 0, map[string]int{}
	for line := range bytes.Lines(out.Bytes()) {
		var d struct {
			Vendor, Error string
			SNMP          struct{ Partial map[string]string }
		}
		if err := json.Unmarshal(line, &d); err != nil {
			return fmt.Errorf("line of the scanner: %w", err)
		}
		if d.Error == "" {
			found++
		}
		if d.Vendor != "" {
			vendors++
		}
		if len(d.SNMP.Partial) > 0 {
			partial++
		}
		for table, why := range d.SNMP.Partial {
			reasons[table+": "+why]++
		}
	}
	usage, _ := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	fmt.Printf("scanner: %d devices in %s, %s of CPU, at most %d MiB resident\n", devices, took.Round(10*time.Millisecond),
		cpuOf(cmd.ProcessState).Round(10*time.Millisecond), usage.Maxrss>>10)
	fmt.Printf("found %d, lost %d, with a vendor %d, with an unfinished table %d\n", found, devices-found, vendors, partial)
	for why, n := range reasons {
		fmt.Printf("  %d times %s\n", n, why)
	}
	if err != nil {
		return fmt.Errorf("scanner: %w: %s", err, problems.String())
	}
	return nil
}

func cpuOf(s *os.ProcessState) time.Duration { return s.UserTime() + s.SystemTime() }

func freePort() (string, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{})
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_, port, err := net.SplitHostPort(c.LocalAddr().String())
	return port, err
}

// writeTargets waits for the simulator's list of devices and takes the addresses from it.
func writeTargets(ctx context.Context, list, file string) error {
	for ; ; time.Sleep(100 * time.Millisecond) {
		if err := ctx.Err(); err != nil {
			return err
		}
		text, err := os.ReadFile(list)
		if err != nil || !bytes.HasSuffix(text, []byte("\n")) {
			continue
		}
		var out strings.Builder
		for in := bufio.NewScanner(bytes.NewReader(text)); in.Scan(); {
			address, _, _ := strings.Cut(in.Text(), " ")
			out.WriteString(address + "\n")
		}
		return os.WriteFile(file, []byte(out.String()), 0o600)
	}
}
