package snmp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/gosnmp/gosnmp"
)

var (
	// ErrNoAnswer means that nothing came back.
	ErrNoAnswer = errors.New("no answer to SNMP")
	// ErrRefused means that an agent is there and does not accept the credential.
	ErrRefused = errors.New("SNMP credential refused")
	// errAnswer is any answer that cannot be used. gosnmp's own words stay out of it: they
	// may contain the community.
	errAnswer = errors.New("unusable SNMP answer")
)

// gosnmpSession asks one device through gosnmp. One request is under way at a time.
type gosnmpSession struct {
	client *gosnmp.GoSNMP
}

// dial prepares a session; nothing is sent yet.
func dial(ctx context.Context, addr netip.Addr, port uint16, c *Credential, timeout time.Duration, retries int) (*gosnmpSession, error) {
	g := &gosnmp.GoSNMP{
		Target: addr.String(), Port: port, Transport: "udp", Version: c.Version, Context: ctx,
		Timeout: timeout, Retries: retries, MaxOids: gosnmp.MaxOids,
		Logger: gosnmp.Logger{}, // none: it would write communities
	}
	if c.Version == gosnmp.Version3 {
		usm := &gosnmp.UsmSecurityParameters{UserName: c.User}
		g.SecurityModel, g.MsgFlags, g.ContextName = gosnmp.UserSecurityModel, gosnmp.NoAuthNoPriv, c.Context
		if c.authenticates() {
			g.MsgFlags = gosnmp.AuthNoPriv
			usm.AuthenticationProtocol, usm.AuthenticationPassphrase = c.Auth, c.AuthPassword.Reveal()
		}
		if c.encrypts() {
			g.MsgFlags = gosnmp.AuthPriv
			usm.PrivacyProtocol, usm.PrivacyPassphrase = c.Priv, c.PrivPassword.Reveal()
		}
		g.SecurityParameters = usm
	} else {
		g.Community = c.Community.Reveal()
	}
	if err := g.Connect(); err != nil {
		return nil, reason(ctx, err)
	}
	return &gosnmpSession{client: g}, nil
}

func (s *gosnmpSession) close() { _ = s.client.Close() }

// engineID is the authoritative engine's id as version 3 discovery told it, in hex.
func (s *gosnmpSession) engineID() string {
	if usm, ok := s.client.SecurityParameters.(*gosnmp.UsmSecurityParameters); ok && usm != nil {
		return hex.EncodeToString([]byte(usm.AuthoritativeEngineID))
	}
	return ""
}

func (s *gosnmpSession) get(ctx context.Context, names []oid) ([]variable, error) {
	vars, err := s.run(ctx, func() (*gosnmp.SnmpPacket, error) { return s.client.Get(dotted(names)) })
	if err != nil || len(vars) > 0 || len(names) < 2 || s.client.Version != gosnmp.Version1 {
		return vars, err
	}
	// One name that a version 1 agent does not have fails all (RFC 1157 §4.1.2).
	half := len(names) / 2
	first, err := s.get(ctx, names[:half])
	if err != nil {
		return nil, err
	}
	second, err := s.get(ctx, names[half:])
	return append(first, second...), err
}

func (s *gosnmpSession) next(ctx context.Context, name oid, n int) ([]variable, error) {
	return s.run(ctx, func() (*gosnmp.SnmpPacket, error) {
		if s.client.Version == gosnmp.Version1 { // has no bulk request
			return s.client.GetNext(dotted([]oid{name}))
		}
		return s.client.GetBulk(dotted([]oid{name}), 0, uint32(max(1, n)))
	})
}

func dotted(names []oid) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "." + n.String()
	}
	return out
}

// run makes one exchange. Its socket is cut off when ctx ends, as gosnmp looks at ctx only
// between packets.
func (s *gosnmpSession) run(ctx context.Context, ask func() (*gosnmp.SnmpPacket, error)) ([]variable, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	conn := s.client.Conn
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	p, err := ask()
	if err != nil {
		return nil, reason(ctx, err)
	}
	if p == nil {
		return nil, errAnswer
	}
	switch p.PDUType {
	case gosnmp.GetResponse:
	case gosnmp.Report:
		return nil, ErrRefused
	default:
		return nil, errAnswer
	}
	switch p.Error {
	case gosnmp.NoError:
	case gosnmp.NoSuchName: // what version 1 agents behind proxies answer
		return nil, nil
	case gosnmp.AuthorizationError, gosnmp.NoAccess:
		return nil, ErrRefused
	default:
		return nil, fmt.Errorf("%w: error status %d", errAnswer, p.Error)
	}
	out := make([]variable, 0, len(p.Variables))
	for _, pdu := range p.Variables {
		name, ok := parseOID(pdu.Name)
		if !ok {
			return nil, fmt.Errorf("%w: malformed object identifier", errAnswer)
		}
		v := decodeValue(pdu)
		out = append(out, variable{name: name, value: v, size: 4*len(name) + len(v.bytes) + 4*len(v.oid) + 8})
	}
	return out, nil
}

// reason classes an error of gosnmp without its text.
func reason(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	for _, refused := range []error{
		gosnmp.ErrUnknownUsername, gosnmp.ErrWrongDigest, gosnmp.ErrDecryption,
		gosnmp.ErrUnknownSecurityLevel, gosnmp.ErrUnknownSecurityModels, gosnmp.ErrNotInTimeWindow,
		gosnmp.ErrUnknownPDUHandlers,
	} {
		if errors.Is(err, refused) {
			return ErrRefused
		}
	}
	var ne net.Error
	switch {
	case errors.Is(err, gosnmp.ErrMaxRetriesExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &ne) && ne.Timeout(),
		errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return ErrNoAnswer
	}
	return errAnswer
}
