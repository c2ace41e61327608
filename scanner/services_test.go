package scanner_test

import (
	"context"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/scanner"
	"github.com/muster-itam/muster/scanner/service"
)

// speak greets who connects to addr and keeps the line open; the port is the answer.
func speak(t *testing.T, addr, greeting string) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", addr+":0")
	if err != nil {
		t.Fatal(err)
	}
	context.AfterFunc(t.Context(), func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(t.Context(), func() { _ = c.Close() })
			_, _ = c.Write([]byte(greeting))
		}
	}()
	return int(netip.MustParseAddrPort(l.Addr().String()).Port())
}

// What ports tell becomes ports, identity and its evidence, and the observation's sections.
func TestServices(t *testing.T) {
	const addr = "127.0.98.1"
	ssh := speak(t, addr, "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")
	mail := speak(t, addr, "220 mx.example.org ESMTP Postfix \x1b[2J(Debian)\r\n")
	res := scan(t, scanner.Config{Services: service.Ports{TCP: []int{ssh, mail}}}, scanner.Job{Targets: []string{addr}})
	if len(res.Devices) != 1 {
		t.Fatalf("%d devices", len(res.Devices))
	}
	d := res.Devices[0]
	if d := cmp.Diff(inventory.OS{Family: "linux", Name: "Debian GNU/Linux", Version: "12"}, d.Identity.OS); d != "" {
		t.Error(d)
	}
	if len(d.Evidence) != 2 || d.Evidence[0].Port != ssh {
		t.Errorf("evidence %+v", d.Evidence)
	}
	sections := map[inventory.SectionName]inventory.Section{}
	for _, s := range scanner.Observations(res)[0].Sections {
		sections[s.Name] = s
	}
	want := map[int]inventory.Port{
		ssh:  {Protocol: "tcp", Number: ssh, Service: "ssh", Banner: "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3", Product: "OpenSSH", Version: "9.2p1"},
		mail: {Protocol: "tcp", Number: mail, Service: "smtp", Banner: "mx.example.org ESMTP Postfix (Debian)", Product: "Postfix"},
	}
	got := map[int]inventory.Port{}
	for _, p := range sections[inventory.SectionPorts].Body.(inventory.Ports) {
		got[p.Number] = p
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if sections[inventory.SectionOS].Body == nil {
		t.Error("no operating system")
	}
}

// A scan that is stopped while ports are asked ends at once, incomplete, with what it has.
func TestServicesStop(t *testing.T) {
	const addr = "127.0.98.2"
	var ports []int
	for range 5 {
		ports = append(ports, speak(t, addr, ""))
	}
	s, err := scanner.New(scanner.Config{NoNames: true, NoSearch: true, Services: service.Ports{TCP: ports}})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := s.Plan(t.Context(), scanner.Job{Targets: []string{addr}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var stopped time.Time
	time.AfterFunc(6*time.Second, func() { stopped = time.Now(); cancel() })
	res, err := s.Run(ctx, plan)
	if err != nil || res.Complete || len(res.Devices) != 1 {
		t.Fatalf("%+v, %v", res, err)
	}
	if took := time.Since(stopped); took > 2*time.Second {
		t.Errorf("ended %s after it was stopped", took)
	}
	if st := res.Devices[0].PortState; st == nil || st.Complete {
		t.Errorf("the ports are said to be all: %+v", st)
	}
}
