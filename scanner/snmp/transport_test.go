package snmp_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/scanner/snmp"
)

// agent answers for a device on the network as real ones do, or as some do that are not right.
type agent struct {
	device  *snmp.FakeSession
	version gosnmp.SnmpVersion
	// refuse gives the status with which a request is answered; 0 for none.
	refuse func(req *gosnmp.SnmpPacket) gosnmp.SNMPError
	// lose tells whether the n-th datagram, from 1 on, gets no answer.
	lose  func(n int64) bool
	delay time.Duration

	asked atomic.Int64
}

// serve listens at addr and port, 0 for any, and answers with the port.
func (a *agent) serve(t testing.TB, addr string, port int) uint16 {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.ParseIP(addr), Port: port})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = conn.Close(); wg.Wait() })
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			if asked := a.asked.Add(1); a.lose != nil && a.lose(asked) {
				continue
			}
			req, err := (&gosnmp.GoSNMP{Version: a.version}).SnmpDecodePacket(bytes.Clone(buf[:n]))
			if err != nil || req.Version != a.version {
				continue
			}
			out, err := a.answer(req).MarshalMsg()
			if err != nil {
				t.Error(err)
				continue
			}
			send := func() { _, _ = conn.WriteToUDP(out, from) }
			if a.delay > 0 {
				time.AfterFunc(a.delay, send)
			} else {
				send()
			}
		}
	})
	return uint16(conn.LocalAddr().(*net.UDPAddr).Port)
}

func (a *agent) answer(req *gosnmp.SnmpPacket) *gosnmp.SnmpPacket {
	p := &gosnmp.SnmpPacket{Version: req.Version, Community: req.Community, PDUType: gosnmp.GetResponse, RequestID: req.RequestID}
	fail := func(status gosnmp.SNMPError, index int) *gosnmp.SnmpPacket {
		p.Error, p.ErrorIndex, p.Variables = status, uint8(index), req.Variables
		return p
	}
	if a.refuse != nil {
		if status := a.refuse(req); status != gosnmp.NoError {
			return fail(status, 0)
		}
	}
	last := make([]string, len(req.Variables))
	for i, v := range req.Variables {
		last[i] = v.Name[1:]
	}
	rows := 1
	if req.PDUType == gosnmp.GetBulkRequest {
		rows = int(req.MaxRepetitions)
	}
	for range rows {
		for i, name := range last {
			var v snmp.Variable
			if req.PDUType == gosnmp.GetRequest {
				v = a.device.Get([]string{name})[0]
			} else {
				found, _ := a.device.Next(name, 1)
				v = found[0]
			}
			none := v.Type == gosnmp.EndOfMibView || v.Type == gosnmp.NoSuchObject
			if none && req.Version == gosnmp.Version1 {
				return fail(gosnmp.NoSuchName, i+1)
			}
			last[i] = v.Name
			p.Variables = append(p.Variables, gosnmp.SnmpPDU{Name: "." + v.Name, Type: v.Type, Value: v.Value})
		}
	}
	return p
}

func community(version gosnmp.SnmpVersion) []snmp.Credential {
	return []snmp.Credential{{Version: version, Community: "public"}}
}

// Agents of all sorts are read to the end, and say the same.
func TestAgents(t *testing.T) {
	want, err := snmp.ReadFake(t.Context(), walk(t, deviceWalk), snmp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	lossy := func(n int64) bool { return n%3 == 1 }
	for _, c := range []struct {
		name  string
		agent *agent
		most  int64 // datagrams
	}{
		{"right", &agent{version: gosnmp.Version2c}, 25},
		{"version 1 only", &agent{version: gosnmp.Version1}, 120},
		{"no bulk", &agent{version: gosnmp.Version2c, refuse: func(req *gosnmp.SnmpPacket) gosnmp.SNMPError {
			if req.PDUType == gosnmp.GetBulkRequest {
				return gosnmp.GenErr
			}
			return gosnmp.NoError
		}}, 200},
		{"small answers only", &agent{version: gosnmp.Version2c, refuse: func(req *gosnmp.SnmpPacket) gosnmp.SNMPError {
			if len(req.Variables)*max(1, int(req.MaxRepetitions)) > 7 {
				return gosnmp.TooBig
			}
			return gosnmp.NoError
		}}, 200},
		{"no such name of version 1 in version 2", &agent{version: gosnmp.Version2c, refuse: func(req *gosnmp.SnmpPacket) gosnmp.SNMPError {
			if req.PDUType == gosnmp.GetRequest && len(req.Variables) > 1 {
				return gosnmp.NoSuchName
			}
			return gosnmp.NoError
		}}, 60},
		{"one in three lost", &agent{version: gosnmp.Version2c, lose: lossy}, 60},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a := c.agent
			a.device = walk(t, deviceWalk)
			p := &snmp.Prober{Port: a.serve(t, "127.0.0.1", 0), Credentials: community(a.version)}
			got, err := p.Read(t.Context(), netip.MustParseAddr("127.0.0.1"))
			if err != nil {
				t.Fatal(err)
			}
			ignore := cmpopts.IgnoreFields(snmp.Facts{}, "Address", "Credential", "Took", "Sections", "Variables", "Dropped")
			if d := cmp.Diff(want, got, ignore, cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{})); d != "" {
				t.Error(d)
			}
			for name, st := range got.Sections {
				if !st.Complete {
					t.Errorf("%s: %s", name, st.Reason)
				}
			}
			if n := a.asked.Load(); n > c.most {
				t.Errorf("%d datagrams, want at most %d", n, c.most)
			}
		})
	}
}

// Many devices far away over a bad line, hostile ones among them: none is lost, and no more
// sockets are open than devices are read.
func TestManyDevices(t *testing.T) {
	const devices, parallel = 300, 64
	var port uint16
	var addrs []netip.Addr
	for i := range devices {
		addr := netip.AddrFrom4([4]byte{127, 77, byte(i / 200), byte(1 + i%200)})
		a := &agent{device: walk(t, deviceWalk), version: gosnmp.Version2c, delay: 10 * time.Millisecond,
			lose: func(n int64) bool { return (n+int64(i))%25 == 0 }}
		port = a.serve(t, addr.String(), int(port))
		addrs = append(addrs, addr)
	}
	hostile := netip.MustParseAddr("127.77.9.9")
	flood(t, hostile, port)
	addrs = slices.Insert(addrs, 5, hostile)

	p := &snmp.Prober{Port: port, Credentials: community(gosnmp.Version2c)}
	before := openFiles(t)
	var most, read atomic.Int64
	work := make(chan netip.Addr)
	var wg sync.WaitGroup
	for range parallel {
		wg.Go(func() {
			for addr := range work {
				f, err := p.Read(t.Context(), addr)
				if n := int64(openFiles(t) - before); n > most.Load() {
					most.Store(n)
				}
				switch {
				case addr == hostile:
				case err != nil:
					t.Errorf("%s: %v", addr, err)
				case f.System.Name != "sw1.example.org" || !f.Sections[snmp.SectionInterfaces].Complete:
					t.Errorf("%s: %+v", addr, f)
				default:
					read.Add(1)
				}
			}
		})
	}
	for _, a := range addrs {
		work <- a
	}
	close(work)
	wg.Wait()
	if read.Load() != devices || most.Load() > parallel {
		t.Errorf("%d of %d devices read, %d sockets for %d at once", read.Load(), devices, most.Load(), parallel)
	}
	if left := openFiles(t) - before; left > 0 {
		t.Errorf("%d sockets are still open", left)
	}
}

// flood answers each datagram with many that are no answer to it.
func flood(t *testing.T, addr netip.Addr, port uint16) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port)))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = conn.Close(); wg.Wait() })
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			for i := range 2000 {
				_, _ = conn.WriteToUDP(slices.Concat(buf[:n/2], []byte{byte(i)}, buf[n/2:n]), from)
			}
		}
	})
}

// openFiles counts what this process has open.
func openFiles(t *testing.T) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Error(err)
	}
	return len(list)
}

// Answers from elsewhere, and answers to another question, are none.
func TestForeignAnswers(t *testing.T) {
	elsewhere, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 2)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = elsewhere.Close() })
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = conn.Close(); wg.Wait() })
	a := &agent{device: walk(t, deviceWalk)}
	wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			req, err := (&gosnmp.GoSNMP{Version: gosnmp.Version2c}).SnmpDecodePacket(bytes.Clone(buf[:n]))
			if err != nil {
				t.Error(err)
				return
			}
			spoofed := encode(t, req, gosnmp.SnmpPDU{Name: system + "5.0", Type: gosnmp.OctetString, Value: "spoofed"})
			_, _ = elsewhere.WriteToUDP(spoofed, from) // the right number from the wrong address
			other := *req
			other.RequestID += 7
			_, _ = conn.WriteToUDP(encode(t, &other, gosnmp.SnmpPDU{Name: system + "5.0", Type: gosnmp.OctetString, Value: "spoofed"}), from)
			_, _ = conn.WriteToUDP(buf[:n], from) // the question itself
			if out, err := a.answer(req).MarshalMsg(); err != nil {
				t.Error(err)
			} else {
				_, _ = conn.WriteToUDP(out, from)
			}
		}
	})
	p := &snmp.Prober{Port: uint16(conn.LocalAddr().(*net.UDPAddr).Port), Credentials: community(gosnmp.Version2c)}
	f, err := p.Read(t.Context(), netip.MustParseAddr("127.0.0.1"))
	if err != nil || f.System.Name != "sw1.example.org" || !f.Sections[snmp.SectionARP].Complete {
		t.Fatalf("%+v, %v", f, err)
	}
}

// A device that has fallen silent costs two tables' patience, not that of all.
func TestGoneInTheMiddle(t *testing.T) {
	s := walk(t, deviceWalk)
	asked := 0
	next := s.Next
	s.Next = func(name string, n int) ([]snmp.Variable, error) {
		if n == 1 { // which tables there are
			return next(name, n)
		}
		asked++
		return nil, snmp.ErrNoAnswer
	}
	f, err := snmp.ReadFake(t.Context(), s, snmp.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if st := f.Sections[snmp.SectionBridge]; st.Complete || asked > 4 {
		t.Errorf("asked %d times, bridge %+v", asked, st)
	}
}

// A second credential is tried soon, and one that a lost packet hid is tried again.
func TestSecondRound(t *testing.T) {
	a := &agent{device: walk(t, deviceWalk), version: gosnmp.Version2c, lose: func(n int64) bool { return n <= 4 }}
	creds := append([]snmp.Credential{{Version: gosnmp.Version3, User: "nobody"}}, community(gosnmp.Version2c)...)
	p := &snmp.Prober{Port: a.serve(t, "127.0.0.1", 0), Credentials: creds, Timeout: 300 * time.Millisecond}
	f, err := p.Read(t.Context(), netip.MustParseAddr("127.0.0.1"))
	if err != nil || f.Credential != "v2c" {
		t.Fatalf("%+v, %v", f, err)
	}
	gone := &agent{device: a.device, version: gosnmp.Version2c, lose: func(int64) bool { return true }}
	p.Port = gone.serve(t, "127.0.0.1", 0)
	if _, err := p.Read(t.Context(), netip.MustParseAddr("127.0.0.1")); !errors.Is(err, snmp.ErrNoAnswer) || gone.asked.Load() != 8 {
		t.Errorf("%v after %d datagrams, want two of each credential in two rounds", err, gone.asked.Load())
	}
}

func FuzzHeader(f *testing.F) {
	for _, v := range []gosnmp.SnmpVersion{gosnmp.Version1, gosnmp.Version2c, gosnmp.Version3} {
		p := gosnmp.SnmpPacket{Version: v, Community: "public", PDUType: gosnmp.GetRequest, RequestID: 77, MsgID: 77,
			SecurityModel: gosnmp.UserSecurityModel, SecurityParameters: &gosnmp.UsmSecurityParameters{}}
		b, err := p.MarshalMsg()
		if err != nil {
			f.Fatal(err)
		}
		if n, _, ok := snmp.Header(b); !ok || n != 77 {
			f.Fatalf("version %d: %d %v", v, n, ok)
		}
		f.Add(b)
	}
	f.Add([]byte("0\x84\xff\xff\xff\xff\x02\x01\x01"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if n, _, ok := snmp.Header(b); ok && len(b) < 10 {
			t.Fatalf("%x is read as message %d", b, n)
		}
	})
}
