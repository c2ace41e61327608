package snmp_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gosnmp/gosnmp"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/testkit"
	"github.com/muster-itam/muster/scanner/snmp"
)

// responder is a device of the test's own making: answer is called with each request that
// can be decoded, and its packets are sent back.
type responder struct {
	addr netip.Addr
	port uint16

	mu   sync.Mutex
	seen [][]byte // everything that was received
}

// received is all that the responder was sent.
func (r *responder) received() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Join(r.seen, []byte("|"))
}

func listen(t *testing.T, addr string, answer func(req *gosnmp.SnmpPacket) [][]byte) *responder {
	t.Helper()
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(addr)})
	if err != nil {
		t.Fatal(err)
	}
	r := &responder{addr: netip.MustParseAddr(addr), port: uint16(conn.LocalAddr().(*net.UDPAddr).Port)}
	done := make(chan struct{})
	t.Cleanup(func() { _ = conn.Close(); <-done })
	go func() {
		defer close(done)
		buf := make([]byte, 1<<16)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if err != nil {
				return
			}
			r.mu.Lock()
			r.seen = append(r.seen, bytes.Clone(buf[:n]))
			r.mu.Unlock()
			req, err := (&gosnmp.GoSNMP{Version: gosnmp.Version2c}).SnmpDecodePacket(bytes.Clone(buf[:n]))
			if err != nil || req.Version != gosnmp.Version2c {
				continue
			}
			for _, out := range answer(req) {
				_, _ = conn.WriteToUDP(out, from)
			}
		}
	}()
	return r
}

// encode makes an answer to req.
func encode(t testing.TB, req *gosnmp.SnmpPacket, vars ...gosnmp.SnmpPDU) []byte {
	p := &gosnmp.SnmpPacket{Version: gosnmp.Version2c, Community: req.Community, PDUType: gosnmp.GetResponse,
		RequestID: req.RequestID, Variables: vars}
	b, err := p.MarshalMsg()
	if err != nil {
		t.Errorf("encode answer: %v", err)
	}
	return b
}

const system = ".1.3.6.1.2.1.1."

// systemGroup answers GET with a system group and nothing else.
func systemGroup(req *gosnmp.SnmpPacket) []gosnmp.SnmpPDU {
	var out []gosnmp.SnmpPDU
	for _, v := range req.Variables {
		switch v.Name {
		case system + "1.0":
			out = append(out, gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.OctetString, Value: "hostile"})
		case system + "5.0":
			out = append(out, gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.OctetString, Value: "trap.example"})
		default:
			out = append(out, gosnmp.SnmpPDU{Name: v.Name, Type: gosnmp.NoSuchObject})
		}
	}
	return out
}

func prober(r *responder, creds ...snmp.Credential) *snmp.Prober {
	return &snmp.Prober{Credentials: creds, Port: r.port, Timeout: 200 * time.Millisecond, Retries: -1}
}

func v2c(community string, targets ...string) snmp.Credential {
	c := snmp.Credential{Version: gosnmp.Version2c, Community: inventory.Secret(community)}
	for _, t := range targets {
		c.Targets = append(c.Targets, netip.MustParsePrefix(t))
	}
	return c
}

func TestF17EndlessWalk(t *testing.T) {
	r := listen(t, "127.0.0.1", func(req *gosnmp.SnmpPacket) [][]byte {
		if req.PDUType != gosnmp.GetBulkRequest {
			return [][]byte{encode(t, req, systemGroup(req)...)}
		}
		var out []gosnmp.SnmpPDU
		name := req.Variables[0].Name
		for i := range 20 {
			name += ".1"
			if i > 0 || strings.Count(name, ".") > 60 { // count up instead of growing for ever
				at := strings.LastIndex(strings.TrimRight(name, ".1"), ".")
				name = fmt.Sprintf("%s.%d", req.Variables[0].Name[:min(max(at, 20), len(req.Variables[0].Name))], time.Now().UnixNano()&0x7fffffff)
			}
			out = append(out, gosnmp.SnmpPDU{Name: name, Type: gosnmp.Integer, Value: 6})
		}
		return [][]byte{encode(t, req, out...)}
	})
	p := prober(r, v2c("public"))
	p.Limits = snmp.Limits{Variables: 500, Time: 5 * time.Second}
	f, err := p.Read(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if f.Variables > 600 {
		t.Errorf("%d variables taken, 500 allowed", f.Variables)
	}
	if st := f.Sections[snmp.SectionInterfaces]; st.Complete || st.Reason == "" {
		t.Errorf("interfaces: %+v, want partial with a reason", st)
	}
	if !f.Sections[snmp.SectionSystem].Complete || f.System.Name != "trap.example" {
		t.Errorf("system: %+v %+v", f.Sections[snmp.SectionSystem], f.System)
	}
}

// A walk that turns back on itself or stands still ends as partial, after the first answer that
// does so, and says why: what was read before is kept, and nothing counts as gone.
func TestF18WalkInCircles(t *testing.T) {
	for name, answers := range map[string][]string{
		"standing still": {".1.3.6.1.2.1.2.2.1.1.1", ".1.3.6.1.2.1.2.2.1.1.1"},
		"turning back":   {".1.3.6.1.2.1.2.2.1.1.5", ".1.3.6.1.2.1.2.2.1.1.2"},
		"going outside":  {".1.3.6.1.2.1.2.2.1.1.5", ".1.3.6.1.2.1.1.1.0"},
	} {
		var requests atomic.Int32
		r := listen(t, "127.0.0.1", func(req *gosnmp.SnmpPacket) [][]byte {
			if req.PDUType != gosnmp.GetBulkRequest {
				return [][]byte{encode(t, req, systemGroup(req)...)}
			}
			requests.Add(1)
			var out []gosnmp.SnmpPDU
			for _, n := range answers {
				out = append(out, gosnmp.SnmpPDU{Name: n, Type: gosnmp.Integer, Value: 1})
			}
			return [][]byte{encode(t, req, out...)}
		})
		f, err := prober(r, v2c("public")).Read(t.Context(), r.addr)
		if err != nil {
			t.Fatal(err)
		}
		st := f.Sections[snmp.SectionInterfaces]
		if st.Complete || !strings.Contains(st.Reason, "did not increase") {
			t.Errorf("%s: interfaces %+v", name, st)
		}
		if f.System.Name != "trap.example" || f.Dropped == 0 {
			t.Errorf("%s: name %q, %d dropped", name, f.System.Name, f.Dropped)
		}
		if n := requests.Load(); n > 100 {
			t.Errorf("%s: asked %d times", name, n)
		}
	}
}

// Late, duplicate and foreign answers and rubbish do not get in the way of the right one.
func TestF19LateDuplicateAndSpoofed(t *testing.T) {
	r := listen(t, "127.0.0.1", func(req *gosnmp.SnmpPacket) [][]byte {
		vars := systemGroup(req)
		if req.PDUType == gosnmp.GetBulkRequest {
			vars = []gosnmp.SnmpPDU{{Name: req.Variables[0].Name, Type: gosnmp.EndOfMibView}}
		}
		late := *req
		late.RequestID += 1000
		wrong := []gosnmp.SnmpPDU{{Name: system + "5.0", Type: gosnmp.OctetString, Value: "spoofed"}}
		good := encode(t, req, vars...)
		return [][]byte{encode(t, &late, wrong...), good, good, good[:len(good)/2]}
	})
	f, err := prober(r, v2c("public")).Read(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	if f.System.Name != "trap.example" {
		t.Errorf("name %q", f.System.Name)
	}
}

// Values of the wrong type, of foreign names and without end are dropped and counted.
func TestF19WrongTypes(t *testing.T) {
	r := listen(t, "127.0.0.1", func(req *gosnmp.SnmpPacket) [][]byte {
		if req.PDUType == gosnmp.GetBulkRequest {
			return [][]byte{encode(t, req, gosnmp.SnmpPDU{Name: req.Variables[0].Name, Type: gosnmp.EndOfMibView})}
		}
		return [][]byte{encode(t, req,
			gosnmp.SnmpPDU{Name: system + "1.0", Type: gosnmp.Integer, Value: 5},
			gosnmp.SnmpPDU{Name: system + "2.0", Type: gosnmp.OctetString, Value: "1.3.6.1.4.1.9"},
			gosnmp.SnmpPDU{Name: system + "4.0", Type: gosnmp.OctetString, Value: strings.Repeat("x", 20_000)},
			gosnmp.SnmpPDU{Name: system + "5.0", Type: gosnmp.OctetString, Value: "trap.example"},
			gosnmp.SnmpPDU{Name: ".1.3.6.1.4.1.1.0", Type: gosnmp.OctetString, Value: "foreign"},
		)}
	})
	f, err := prober(r, v2c("public")).Read(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	s := f.System
	if s.Description != "" || s.ObjectID != "" || s.Contact != "" || s.Name != "trap.example" {
		t.Errorf("system group %+v", s)
	}
	if f.Dropped == 0 {
		t.Error("nothing counted as dropped")
	}
}

// An agent whose answers are damaged on the way, each in another manner.
func TestF20MutatedAnswers(t *testing.T) {
	var mutant atomic.Pointer[[]byte]
	r := listen(t, "127.0.0.1", func(*gosnmp.SnmpPacket) [][]byte { return [][]byte{*mutant.Load()} })
	seed := encode(t, &gosnmp.SnmpPacket{Community: "public", RequestID: 1}, systemGroup(&gosnmp.SnmpPacket{Variables: []gosnmp.SnmpPDU{{Name: system + "1.0"}, {Name: system + "5.0"}}})...)
	p := prober(r, v2c("hush-hush"))
	report, err := (&gosnmp.SnmpPacket{Version: gosnmp.Version3, PDUType: gosnmp.Report, RequestID: 1, MsgID: 1, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{AuthoritativeEngineID: "\x80\x00\x1f\x88\x01engine", UserName: "none"}}).MarshalMsg()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	testkit.Mutants(t, [][]byte{seed, report}, func(b []byte) {
		snmp.Header(b)
		// gosnmp's own, which have to stand all of them
		_, _ = (&gosnmp.GoSNMP{}).SnmpDecodePacket(bytes.Clone(b))
		_, _ = (&gosnmp.GoSNMP{Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel, SecurityParameters: &gosnmp.UsmSecurityParameters{UserName: "none"}}).SnmpDecodePacket(bytes.Clone(b))
		if n++; n&(n-1) != 0 {
			return // over the network go as many as there are powers of two: each has to be waited for
		}
		damaged := bytes.Clone(b)
		mutant.Store(&damaged)
		if f, err := p.Read(t.Context(), r.addr); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("%x: %+v, %v", b, f, err)
		}
	})
}

func TestF19Rubbish(t *testing.T) {
	rubbish := []string{"", "30", "3082ffff", "30800000", strings.Repeat("30820fff", 200), "300b020101040668756e746572", "ffffffffffffffff"}
	i := 0
	r := listen(t, "127.0.0.1", func(*gosnmp.SnmpPacket) [][]byte {
		b, err := hex.DecodeString(rubbish[i%len(rubbish)])
		if err != nil {
			t.Error(err)
		}
		i++
		return [][]byte{b}
	})
	for range rubbish {
		f, err := prober(r, v2c("hush-hush")).Read(t.Context(), r.addr)
		if err == nil {
			t.Fatalf("rubbish was read as %+v", f)
		}
		if strings.Contains(err.Error(), "hush") {
			t.Fatalf("secret in %v", err)
		}
	}
}

// A host on the scanned network sees the credential bound to its scope and no other.
func TestA21CredentialsStayInScope(t *testing.T) {
	r := listen(t, "127.0.0.1", func(*gosnmp.SnmpPacket) [][]byte { return nil })
	p := prober(r,
		snmp.Credential{Version: gosnmp.Version3, User: "secret-user", Targets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
		v2c("secret-elsewhere", "10.0.0.0/8", "127.0.0.2/32"), v2c("meant-for-it", "127.0.0.1/32"))
	_, err := p.Read(t.Context(), r.addr)
	if !errors.Is(err, snmp.ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
	got := r.received()
	if !bytes.Contains(got, []byte("meant-for-it")) || bytes.Contains(got, []byte("secret")) {
		t.Errorf("the host was sent %q", got)
	}
	p.Credentials = p.Credentials[:2]
	before := len(r.received())
	if _, err := p.Read(t.Context(), r.addr); !errors.Is(err, snmp.ErrNoAnswer) || p.Applies(r.addr) {
		t.Errorf("without a credential in scope: %v", err)
	}
	if len(r.received()) != before {
		t.Error("something was sent without a credential in scope")
	}
}

// Discovery of version 3 comes without a user's name, and silence to it ends all users' turns.
func TestVersion3Discovery(t *testing.T) {
	r := listen(t, "127.0.0.1", func(*gosnmp.SnmpPacket) [][]byte { return nil })
	p := prober(r,
		snmp.Credential{Version: gosnmp.Version3, User: "user-one", Auth: gosnmp.SHA, AuthPassword: "password-one"},
		snmp.Credential{Version: gosnmp.Version3, User: "user-two", Auth: gosnmp.SHA, AuthPassword: "password-two"})
	if _, err := p.Read(t.Context(), r.addr); !errors.Is(err, snmp.ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.seen) != 1 || bytes.Contains(r.seen[0], []byte("user")) {
		t.Errorf("sent %q, want one packet without a user", r.seen)
	}
}
