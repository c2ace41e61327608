package snmp

import (
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"time"
)

// Single values of RFC 3418, RFC 4293, RFC 3411 and the MIBs that hint at a sort of device.
var (
	sysDescr     = mustOID("1.3.6.1.2.1.1.1.0")
	sysObjectID  = mustOID("1.3.6.1.2.1.1.2.0")
	sysUpTime    = mustOID("1.3.6.1.2.1.1.3.0")
	sysContact   = mustOID("1.3.6.1.2.1.1.4.0")
	sysName      = mustOID("1.3.6.1.2.1.1.5.0")
	sysLocation  = mustOID("1.3.6.1.2.1.1.6.0")
	sysServices  = mustOID("1.3.6.1.2.1.1.7.0")
	ipForwarding = mustOID("1.3.6.1.2.1.4.1.0")
	snmpEngineID = mustOID("1.3.6.1.6.3.10.2.1.1.0")

	dot1dBaseBridgeAddress = mustOID("1.3.6.1.2.1.17.1.1.0")
	prtGeneralPrinterName  = mustOID("1.3.6.1.2.1.43.5.1.1.16.1")
	prtGeneralSerialNumber = mustOID("1.3.6.1.2.1.43.5.1.1.17.1")
	hrDeviceDescr          = mustOID("1.3.6.1.2.1.25.3.2.1.3.1")
	upsIdentManufacturer   = mustOID("1.3.6.1.2.1.33.1.1.1.0")
	upsIdentModel          = mustOID("1.3.6.1.2.1.33.1.1.2.0")
	upsIdentVersion        = mustOID("1.3.6.1.2.1.33.1.1.3.0")
)

// read takes everything. An error means that the device did not let itself be read at
// all; later trouble is in the sections' states.
func read(ctx context.Context, s session, limits Limits, extra func(System) []string, now func() time.Time) (*Facts, error) {
	r := &reader{session: s, limits: limits, batch: normalBatch}
	f := &Facts{Sections: map[Section]State{}}
	begin := now()
	if err := f.readSystem(ctx, r); err != nil {
		return nil, err
	}
	if extra != nil {
		f.readExtra(ctx, r, extra(f.System))
	}
	f.Sections[SectionSystem] = State{Complete: true, Took: now().Sub(begin)}
	for _, s := range []struct {
		name Section
		read func(context.Context, *reader) error
	}{
		{SectionInterfaces, f.readInterfaces},
		{SectionComponents, f.readComponents},
		{SectionPrivate, f.readPrivate},
		{SectionLLDP, f.readLLDP},
		{SectionARP, f.readARP},
		{SectionBridge, f.readBridge},
	} {
		start := now()
		err := s.read(ctx, r)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err() // the scan was stopped, not the device's fault
		}
		st := State{Complete: err == nil, Took: now().Sub(start)}
		if err != nil {
			st.Reason = err.Error()
		}
		f.Sections[s.name] = st
	}
	f.checkRestart(ctx, r)
	f.Variables, f.Dropped, f.Took = r.variables, r.dropped, now().Sub(begin)
	return f, nil
}

func (f *Facts) readSystem(ctx context.Context, r *reader) error {
	v, err := r.get(ctx, sysDescr, sysObjectID, sysUpTime, sysContact, sysName, sysLocation, sysServices)
	if err != nil {
		return err
	}
	s := &f.System
	s.Description, _ = v[sysDescr.String()].text()
	s.Contact, _ = v[sysContact.String()].text()
	s.Name, _ = v[sysName.String()].text()
	s.Location, _ = v[sysLocation.String()].text()
	s.Services, _ = v[sysServices.String()].small()
	s.UpTime = upTime(v)
	if o := v[sysObjectID.String()]; o.kind == kindOID {
		s.ObjectID = o.oid.String()
	}
	// Some agents fail a whole request for one name they do not know, so the rest is asked
	// for apart, and silence about it is no failure.
	v, err = r.get(ctx, ipForwarding, snmpEngineID, dot1dBaseBridgeAddress)
	if serr := stopped(ctx); serr != nil {
		return serr
	}
	if err == nil {
		forwarding, _ := v[ipForwarding.String()].small()
		s.Forwarding = forwarding == 1
		if e := v[snmpEngineID.String()]; e.kind == kindBytes && len(e.bytes) >= 5 && len(e.bytes) <= 32 {
			f.EngineID = hex.EncodeToString(e.bytes)
		}
		f.Hints.BridgeAddress, _ = v[dot1dBaseBridgeAddress.String()].mac()
	}
	f.readHints(ctx, r)
	f.readEnterprises(ctx, r)
	return stopped(ctx)
}

func (f *Facts) readHints(ctx context.Context, r *reader) {
	v, err := r.get(ctx, prtGeneralPrinterName, prtGeneralSerialNumber, hrDeviceDescr,
		upsIdentManufacturer, upsIdentModel, upsIdentVersion)
	if err != nil {
		return
	}
	h := &f.Hints
	h.PrinterName, _ = v[prtGeneralPrinterName.String()].text()
	h.PrinterSerial, _ = v[prtGeneralSerialNumber.String()].text()
	h.DeviceDescr, _ = v[hrDeviceDescr.String()].text()
	h.UPSMaker, _ = v[upsIdentManufacturer.String()].text()
	h.UPSModel, _ = v[upsIdentModel.String()].text()
	h.UPSVersion, _ = v[upsIdentVersion.String()].text()
}

// maxExtra bounds what rules can ask one device for.
const maxExtra = 32

// readExtra reads single values, and for a name that ends in ".*" the first below it.
func (f *Facts) readExtra(ctx context.Context, r *reader, names []string) {
	f.Extra = map[string]string{}
	var oids []oid
	for _, n := range names[:min(len(names), maxExtra)] {
		column, first := strings.CutSuffix(n, ".*")
		o, ok := parseOID(column)
		switch {
		case ok && first:
			f.Extra[n] = r.first(ctx, o)
		case ok && !slices.ContainsFunc(oids, func(x oid) bool { return x.compare(o) == 0 }):
			oids = append(oids, o)
		}
	}
	if len(oids) == 0 {
		return
	}
	v, err := r.get(ctx, oids...)
	if err != nil {
		return // as with hints: what is not there is not known
	}
	for name, value := range v {
		if s, ok := value.text(); ok {
			f.Extra[name] = s
		}
	}
}

// first is the first text in a table's column that says anything.
func (r *reader) first(ctx context.Context, column oid) string {
	vars, err := r.session.next(ctx, column, smallBatch)
	if err != nil {
		return ""
	}
	for _, v := range vars {
		if _, inside := v.name.under(column); !inside || r.count(v) != nil {
			return ""
		}
		if s, ok := v.value.text(); ok && s != "" {
			return s
		}
	}
	return ""
}

// upTime is sysUpTime, which counts hundredths of a second.
func upTime(v map[string]value) time.Duration {
	ticks, _ := v[sysUpTime.String()].int()
	return time.Duration(ticks) * 10 * time.Millisecond
}

// checkRestart marks everything as partial when the device started anew while it was
// read: its tables may have been empty for a while.
func (f *Facts) checkRestart(ctx context.Context, r *reader) {
	v, err := r.get(ctx, sysUpTime)
	if err != nil || len(v) == 0 || f.System.UpTime == 0 || upTime(v) >= f.System.UpTime {
		return
	}
	for name, st := range f.Sections {
		if name != SectionSystem && st.Complete {
			f.Sections[name] = State{Reason: "the device restarted while it was read", Took: st.Took}
		}
	}
}
