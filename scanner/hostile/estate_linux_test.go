package hostile_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"
)

// simulator serves recorded devices by SNMP; it lies beside the project and is no part of it.
const simulator = "../../../shared/snmp/snmpsimd"

// recording is a switch with ports, a chassis with a serial number and neighbours, number n of its kind.
func recording(n int) string {
	var b strings.Builder
	add := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	add("1.3.6.1.2.1.1.1.0|4|Cisco IOS Software, C2960 Software (C2960-LANBASEK9-M), Version 15.0(2)SE11, RELEASE SOFTWARE (fc3)")
	add("1.3.6.1.2.1.1.2.0|6|1.3.6.1.4.1.9.1.716")
	add("1.3.6.1.2.1.1.3.0|67|%d", 100_000+n)
	add("1.3.6.1.2.1.1.5.0|4|sw%d.example.org", n)
	for i := 1; i <= 24; i++ {
		add("1.3.6.1.2.1.2.2.1.2.%d|4|GigabitEthernet0/%d", i, i)
		add("1.3.6.1.2.1.2.2.1.3.%d|2|6", i)
		add("1.3.6.1.2.1.2.2.1.6.%d|4x|0200%02x0000%02x", i, n, i)
		add("1.3.6.1.2.1.2.2.1.8.%d|2|1", i)
		add("1.3.6.1.2.1.31.1.1.1.1.%d|4|Gi0/%d", i, i)
		add("1.3.6.1.2.1.4.22.1.2.%d.10.%d.0.%d|4x|0204%02x0000%02x", i, n, i, n, i)
	}
	for column, value := range map[int]string{2: "4|WS-C2960-24TT-L", 4: "2|0", 5: "2|3", 7: "4|1", 11: fmt.Sprintf("4|FOC%04dX1YZ", n), 13: "4|WS-C2960-24TT-L"} {
		add("1.3.6.1.2.1.47.1.1.1.1.%d.1001|%s", column, value)
	}
	return b.String()
}

// address is where device n is met, and that of the simulator behind it.
func address(n int) (relay, simulated string) {
	return fmt.Sprintf("127.0.97.%d", n+1), fmt.Sprintf("127.0.98.%d", n+1)
}

// build makes a program in dir.
func build(t *testing.T, dir, name, from string) string {
	t.Helper()
	program := filepath.Join(dir, name)
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-C", from, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	return program
}

// simulatorPort is where the simulator is behind the relays.
const simulatorPort = "1161"

// simulate serves devices, each changed as it wants, and answers with the addresses.
func simulate(t *testing.T, dir string, devices []hostileDevice) []string {
	t.Helper()
	walks := filepath.Join(dir, "walks")
	if err := os.Mkdir(walks, 0o755); err != nil {
		t.Fatal(err)
	}
	var list strings.Builder
	var addresses []string
	for n := range devices {
		relay, simulated := address(n)
		addresses = append(addresses, relay)
		fmt.Fprintf(&list, "%s d%d %s\n", simulated, n, devices[n].keys)
		write(t, filepath.Join(walks, fmt.Sprintf("d%d.snmprec", n)), recording(n))
	}
	write(t, filepath.Join(dir, "list"), list.String())
	ready, done := filepath.Join(dir, "ready"), make(chan struct{})
	cmd := exec.CommandContext(t.Context(), build(t, dir, "snmpsimd", simulator), "-data", walks, "-map", filepath.Join(dir, "list"),
		"-port", simulatorPort, "-write-map", ready)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = cmd.Wait(); close(done) }()
	t.Cleanup(func() { _ = cmd.Process.Kill(); <-done })
	for { // until it listens
		if _, err := os.Stat(ready); err == nil {
			break
		}
		select {
		case <-done:
			t.Fatal("the simulator ended")
		case <-time.After(20 * time.Millisecond):
		}
	}
	for n := range devices {
		relay(t, n, devices[n].tamper)
	}
	return addresses
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// relay stands between the scanner and the simulated device n and changes what that answers.
func relay(t *testing.T, n int, tamper func(req, answer *gosnmp.SnmpPacket) [][]byte) {
	t.Helper()
	at, behind := address(n)
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(at), Port: 161})
	if err != nil {
		t.Fatal(err)
	}
	up, err := (&net.Dialer{}).DialContext(t.Context(), "udp4", net.JoinHostPort(behind, simulatorPort))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = conn.Close(); _ = up.Close(); wg.Wait() })
	var mu sync.Mutex
	var from *net.UDPAddr
	var asked []byte
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, who, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			mu.Lock()
			from, asked = who, bytes.Clone(buf[:n])
			mu.Unlock()
			_, _ = up.Write(buf[:n])
		}
	})
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := up.Read(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				continue
			}
			mu.Lock()
			to, question := from, asked
			mu.Unlock()
			out := [][]byte{buf[:n]}
			if tamper != nil {
				out = tampered(question, bytes.Clone(buf[:n]), tamper)
			}
			for _, b := range out {
				_, _ = conn.WriteToUDP(b, to)
			}
		}
	})
}

func tampered(question, answer []byte, tamper func(req, answer *gosnmp.SnmpPacket) [][]byte) [][]byte {
	req, err1 := (&gosnmp.GoSNMP{}).SnmpDecodePacket(question)
	ans, err2 := (&gosnmp.GoSNMP{}).SnmpDecodePacket(answer)
	if err1 != nil || err2 != nil {
		return nil
	}
	return tamper(req, ans)
}

// hostileServers are web servers that do something no server should, by what they are called.
var hostileServers = map[string]func(net.Conn){
	"endless line":    forever("", strings.Repeat("A", 1<<16)),
	"endless headers": forever("HTTP/1.1 200 OK\r\n", strings.Repeat("X-A: \x1b]0;b\x07\r\n", 1<<12)),
	"endless body":    forever("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n", strings.Repeat("<title>", 1<<12)),
	"endless chunks":  forever("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "7fffffff\r\n"+strings.Repeat("<", 1<<16)),
	"redirect to itself": func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")
	},
	"a byte now and then": func(c net.Conn) {
		for {
			if _, err := c.Write([]byte("H")); err != nil {
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
	},
	"silence": func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
}

// forever says begin, and then text again and again.
func forever(begin, text string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, begin)
		for err == nil {
			_, err = io.WriteString(c, text)
		}
	}
}

// serveHostile starts the servers, each at an address of its own, and answers with these.
func serveHostile(t *testing.T) []string {
	t.Helper()
	var addresses []string
	for _, talk := range hostileServers {
		addresses = append(addresses, fmt.Sprintf("127.0.96.%d", len(addresses)+1))
		l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addresses[len(addresses)-1]+":80")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for c, err := l.Accept(); err == nil; c, err = l.Accept() {
				go func() {
					defer func() { _ = c.Close() }()
					talk(c)
				}()
			}
		}()
	}
	return addresses
}
