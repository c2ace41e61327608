package snmp

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/gosnmp/gosnmp"
)

var (
	// ErrNoAnswer means that nothing came back.
	ErrNoAnswer = errors.New("no answer to SNMP")
	// ErrRefused means that an agent is there and does not accept the credential.
	ErrRefused = errors.New("SNMP credential refused")
	// ErrUnusable is any answer that cannot be used. gosnmp's own words stay out of it: they
	// may contain the community.
	ErrUnusable = errors.New("unusable SNMP answer")
	// errStatus is an answer that says that the agent cannot: tooBig, genErr and others.
	errStatus = fmt.Errorf("%w: error status", ErrUnusable)
	// errNoSuchName is a version 1 agent's way to say that it does not have something.
	errNoSuchName = fmt.Errorf("%w: no such name", ErrUnusable)
	// errForeign means that something came, and only what is no answer to what was asked.
	errForeign = fmt.Errorf("%w: answers fit no question", ErrUnusable)
	// errOthers means that an agent answered with values, and none of those it was asked for.
	errOthers = fmt.Errorf("%w: without what was asked for", ErrUnusable)
)

// gosnmpSession asks one device through gosnmp. One request is under way at a time.
type gosnmpSession struct {
	client *gosnmp.GoSNMP
	conn   *conn
	stop   func() bool
}

// damaged is how often a question is put anew when its answer cannot be decoded; conn
// repeats those that get none.
const damaged = 3

// dial prepares a session; nothing is sent yet. Its socket is cut off when ctx ends.
func dial(ctx context.Context, p *peer, c *Credential) (*gosnmpSession, error) {
	g := &gosnmp.GoSNMP{
		Target: p.addr.Addr().String(), Port: p.addr.Port(), Transport: "udp", Version: c.Version, Context: ctx,
		Timeout: p.timeout, Retries: damaged, MaxOids: gosnmp.MaxOids,
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
	socket := &conn{Conn: g.Conn, ctx: ctx, peer: p}
	g.Conn = socket
	s := &gosnmpSession{client: g, conn: socket, stop: context.AfterFunc(ctx, func() { _ = socket.Close() })}
	if usm, ok := g.SecurityParameters.(*gosnmp.UsmSecurityParameters); ok && usm != nil {
		if err := s.authoritative(usm, c); err != nil {
			s.close()
			return nil, reason(ctx, err)
		}
	}
	return s, nil
}

// authoritative finds out the agent's engine, where no user before did, and makes the keys
// for it. gosnmp would do both; but it also extends the key of AES-128, which is long enough:
// that takes longer than all the rest of a device.
func (s *gosnmpSession) authoritative(usm *gosnmp.UsmSecurityParameters, c *Credential) error {
	p := s.conn.peer
	if p.engine == "" {
		if err := s.conn.discover(); err != nil {
			return err
		}
	}
	usm.AuthoritativeEngineID, s.client.ContextEngineID = p.engine, p.engine
	usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime = p.boots, p.time
	if c.Priv == gosnmp.AES {
		key := &gosnmp.UsmSecurityParameters{
			AuthenticationProtocol: c.Auth, AuthenticationPassphrase: c.PrivPassword.Reveal(), AuthoritativeEngineID: p.engine,
		}
		if err := key.InitSecurityKeys(); err != nil || len(key.SecretKey) < aesKey {
			return ErrUnusable
		}
		usm.PrivacyKey = key.SecretKey[:aesKey] // RFC 3826 §1.2
	}
	return usm.InitSecurityKeys()
}

// aesKey is the length of a key of AES-128.
const aesKey = 16

// discover asks the agent for its engine (RFC 3414 §4), in nobody's name.
func (c *conn) discover() error {
	question := gosnmp.SnmpPacket{
		Version: gosnmp.Version3, MsgFlags: gosnmp.Reportable, SecurityModel: gosnmp.UserSecurityModel, PDUType: gosnmp.GetRequest,
		SecurityParameters: &gosnmp.UsmSecurityParameters{}, MsgID: rand.Uint32N(1 << 31), RequestID: rand.Uint32N(1 << 31),
	}
	b, err := question.MarshalMsg()
	if err != nil {
		return err
	}
	if _, err := c.Write(b); err != nil {
		return err
	}
	answer := make([]byte, 1<<16)
	n, err := c.Read(answer)
	if err != nil {
		return err
	}
	decoder := gosnmp.GoSNMP{
		Version: gosnmp.Version3, SecurityModel: gosnmp.UserSecurityModel,
		SecurityParameters: &gosnmp.UsmSecurityParameters{UserName: "none"}, // gosnmp wants one and does not look at it
	}
	report, err := decoder.SnmpDecodePacket(answer[:n])
	if err != nil || report.PDUType != gosnmp.Report {
		return ErrUnusable
	}
	usm, ok := report.SecurityParameters.(*gosnmp.UsmSecurityParameters)
	if !ok || len(usm.AuthoritativeEngineID) < 5 || len(usm.AuthoritativeEngineID) > 32 { // RFC 3411 §5
		return ErrUnusable
	}
	c.peer.engine, c.peer.boots, c.peer.time = usm.AuthoritativeEngineID, usm.AuthoritativeEngineBoots, usm.AuthoritativeEngineTime
	return nil
}

func (s *gosnmpSession) close() {
	s.stop()
	_ = s.client.Close()
}

// engineID is the authoritative engine's id as version 3 discovery told it, in hex.
func (s *gosnmpSession) engineID() string {
	if usm, ok := s.client.SecurityParameters.(*gosnmp.UsmSecurityParameters); ok && usm != nil {
		return hex.EncodeToString([]byte(usm.AuthoritativeEngineID))
	}
	return ""
}

func (s *gosnmpSession) get(ctx context.Context, names []oid) ([]variable, error) {
	if s.client.Version != gosnmp.Version1 {
		vars, _, err := s.run(ctx, func() (*gosnmp.SnmpPacket, error) { return s.client.Get(dotted(names)) })
		if !errors.Is(err, errNoSuchName) { // which version 1 agents behind proxies answer
			return vars, err
		}
	}
	return s.getByNext(ctx, names)
}

// getByNext asks for what comes after the names' predecessors: one name that a version 1
// agent does not have fails all of a GET (RFC 1157 §4.1.2), but not of a GETNEXT.
func (s *gosnmpSession) getByNext(ctx context.Context, names []oid) ([]variable, error) {
	before := make([]oid, len(names))
	for i, n := range names {
		end := len(n) - 1
		if before[i] = n[:end]; n[end] > 0 {
			before[i] = append(slices.Clone(n[:end]), n[end]-1)
		}
	}
	vars, err := s.getNext(ctx, before)
	if errors.Is(err, errStatus) && len(names) > 1 { // too much at once, or one that hurts
		half := len(names) / 2
		if vars, err = s.getByNext(ctx, names[:half]); err != nil {
			return nil, err
		}
		second, err := s.getByNext(ctx, names[half:])
		return append(vars, second...), err
	}
	for i := range vars {
		if vars[i].name.compare(names[i]) != 0 {
			vars[i] = variable{name: names[i]}
		}
	}
	return vars, err
}

// getNext asks for the one variable after each name. The answer has one for each: without a
// value where there is none.
func (s *gosnmpSession) getNext(ctx context.Context, names []oid) ([]variable, error) {
	out := make([]variable, len(names))
	left := make([]int, len(names))
	for i := range names {
		out[i].name, left[i] = names[i], i
	}
	for len(left) > 0 {
		ask := make([]oid, len(left))
		for i, at := range left {
			ask[i] = names[at]
		}
		vars, index, err := s.run(ctx, func() (*gosnmp.SnmpPacket, error) { return s.client.GetNext(dotted(ask)) })
		if errors.Is(err, errNoSuchName) { // of version 1: nothing comes after that name
			if index < 1 || index > len(left) {
				index = len(left) // some do not say which
			}
			left = slices.Delete(left, index-1, index)
			continue
		}
		for i := range vars[:min(len(vars), len(left))] {
			out[left[i]] = vars[i]
		}
		return out, err
	}
	return out, nil
}

func (s *gosnmpSession) next(ctx context.Context, names []oid, rows int) ([]variable, error) {
	if rows == 1 || s.client.Version == gosnmp.Version1 { // which has no bulk request
		return s.getNext(ctx, names)
	}
	vars, _, err := s.run(ctx, func() (*gosnmp.SnmpPacket, error) { return s.client.GetBulk(dotted(names), 0, uint32(rows)) })
	return vars, err
}

func dotted(names []oid) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = "." + n.String()
	}
	return out
}

// run makes one exchange. The index is of the name that an error status is about, from 1 on.
func (s *gosnmpSession) run(ctx context.Context, ask func() (*gosnmp.SnmpPacket, error)) (vars []variable, index int, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	s.conn.silent = false
	p, err := ask()
	if err != nil {
		return nil, 0, reason(ctx, err)
	}
	if p == nil {
		return nil, 0, ErrUnusable
	}
	switch p.PDUType {
	case gosnmp.GetResponse:
	case gosnmp.Report:
		return nil, 0, ErrRefused
	default:
		return nil, 0, ErrUnusable
	}
	switch p.Error {
	case gosnmp.NoError:
	case gosnmp.NoSuchName:
		return nil, int(p.ErrorIndex), errNoSuchName
	case gosnmp.AuthorizationError, gosnmp.NoAccess:
		return nil, 0, ErrRefused
	default:
		return nil, int(p.ErrorIndex), fmt.Errorf("%w %d", errStatus, p.Error)
	}
	vars = make([]variable, 0, len(p.Variables))
	for _, pdu := range p.Variables {
		name, ok := parseOID(pdu.Name)
		if !ok {
			return nil, 0, fmt.Errorf("%w: malformed object identifier", ErrUnusable)
		}
		v := decodeValue(pdu)
		size := 4*len(name) + 4*len(v.oid) + 8
		if b, ok := pdu.Value.([]byte); ok {
			size += len(b) // what is dropped as too long came all the same
		}
		vars = append(vars, variable{name: name, value: v, size: size})
	}
	return vars, 0, nil
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
	return ErrUnusable
}
