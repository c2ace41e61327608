package snmp

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
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
	hrDeviceType           = mustOID("1.3.6.1.2.1.25.3.2.1.2.1")
	hrDeviceDescr          = mustOID("1.3.6.1.2.1.25.3.2.1.3.1")
	hrDevicePrinter        = mustOID("1.3.6.1.2.1.25.3.1.5")
	probeSoftwareRev       = mustOID("1.3.6.1.2.1.16.19.2.0")
	upsIdentManufacturer   = mustOID("1.3.6.1.2.1.33.1.1.1.0")
	upsIdentModel          = mustOID("1.3.6.1.2.1.33.1.1.2.0")
	upsIdentVersion        = mustOID("1.3.6.1.2.1.33.1.1.3.0")

	// lldpXMedLocalData of LLDP-EXT-MED-MIB (ANSI/TIA-1057): what a device tells its neighbours
	// of itself for their inventories.
	lldpXMedLocSoftwareRev = mustOID("1.0.8802.1.1.2.1.5.4795.1.2.4.0")
	lldpXMedLocSerialNum   = mustOID("1.0.8802.1.1.2.1.5.4795.1.2.5.0")
	lldpXMedLocMfgName     = mustOID("1.0.8802.1.1.2.1.5.4795.1.2.6.0")
	lldpXMedLocModelName   = mustOID("1.0.8802.1.1.2.1.5.4795.1.2.7.0")
)

// wishes are what the caller wants to know of a device.
type wishes struct {
	extra    func(System) []string
	tables   *Tables
	needs    func(*Facts, Section) bool
	cautious bool // ask for little at once: a larger question got no answer
	now      func() time.Time
}

// firsts are the first columns of tables that few devices have all of: one question tells
// which. A table that is not among them is found out about when it is read.
var firsts = []oid{
	ifType, ipAdEntIfIndex, ipAddressIfIndex, entPhysicalClass, entPhysicalSerialNum, enterprises,
	lldpMIBs[0].remotes.child(4), ipNetToMediaPhysAddress, ipNetToPhysicalPhysAddress, dot1dBasePortIfIndex,
}

// sectionReader reads one section.
type sectionReader struct {
	name Section
	read func(context.Context, *reader) error
}

// sections are all sections in the order of their worth: when a device's limits run out, the later
// ones suffer.
func (f *Facts) sections(t *Tables) []sectionReader {
	with := func(read func(context.Context, *reader, *Tables) error) func(context.Context, *reader) error {
		return func(ctx context.Context, r *reader) error { return read(ctx, r, t) }
	}
	return []sectionReader{
		{SectionInterfaces, f.readInterfaces},
		{SectionComponents, f.readComponents},
		{SectionPrivate, f.readPrivate},
		{SectionLLDP, f.readLLDP},
		{SectionCDP, f.readCDP},
		{SectionARP, f.readARP},
		{SectionVLANs, f.readVLANs},
		{SectionPorts, f.readPortDetails},
		{SectionRedundancy, with(f.readRedundancy)},
		{SectionBridge, f.readBridge},
		{SectionWireless, with(f.readWireless)},
		{SectionSupplies, f.readSupplies},
		{SectionHost, f.readHost},
		{SectionMeters, with(f.readMeters)},
		{SectionSoftware, f.readSoftware},
	}
}

// read takes everything. An error means that the device did not let itself be read at
// all; later trouble is in the sections' states.
func read(ctx context.Context, r *reader, w wishes) (*Facts, error) {
	f := &Facts{Sections: map[Section]State{}}
	begin := w.now()
	if err := f.readSystem(ctx, r, w.cautious); err != nil {
		return nil, err
	}
	if !w.cautious {
		r.look(ctx, firsts...)
	}
	f.readEnterprises(ctx, r)
	if w.extra != nil {
		f.readExtra(ctx, r, w.extra(f.System))
	}
	if err := stopped(ctx); err != nil {
		return nil, err
	}
	f.Sections[SectionSystem] = State{Complete: true, Took: w.now().Sub(begin)}
	for _, s := range f.sections(w.tables) {
		if w.needs != nil && !w.needs(f, s.name) {
			continue
		}
		start, before := w.now(), r.dropped
		err := s.read(ctx, r)
		if err == nil && r.dropped > before && f.empty(s.name) {
			err = errDropped // so it is not known that there is nothing
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err() // the scan was stopped, not the device's fault
		}
		st := State{Complete: err == nil, Took: w.now().Sub(start)}
		if err != nil {
			st.Reason = err.Error()
		}
		f.Sections[s.name] = st
	}
	if w.needs == nil {
		f.checkRestart(ctx, r)
	}
	f.Variables, f.Dropped, f.Took = r.variables, r.dropped, w.now().Sub(begin)
	return f, nil
}

// empty tells whether nothing came of a section of which single rows can be dropped.
func (f *Facts) empty(s Section) bool {
	rows, ok := map[Section]int{
		SectionInterfaces: len(f.Interfaces), SectionComponents: len(f.Components), SectionLLDP: len(f.LLDP.Neighbours),
		SectionCDP: len(f.CDP), SectionARP: len(f.ARP), SectionBridge: len(f.Bridge.Table),
	}[s]
	return ok && rows == 0
}

// The single values in groups, as they are asked for when an agent does not answer for all
// of them at once: some fail a whole request for one name that they do not know.
var (
	systemGroup = []oid{sysDescr, sysObjectID, sysUpTime, sysContact, sysName, sysLocation, sysServices}
	otherGroups = [][]oid{
		{ipForwarding, snmpEngineID, dot1dBaseBridgeAddress},
		{prtGeneralPrinterName, prtGeneralSerialNumber, hrDeviceType, hrDeviceDescr, upsIdentManufacturer, upsIdentModel, upsIdentVersion},
		{probeSoftwareRev, lldpXMedLocSoftwareRev, lldpXMedLocSerialNum, lldpXMedLocMfgName, lldpXMedLocModelName},
		lldpMIBs[0].self(),
	}
)

// singles reads all single values, at once where the agent can. Silence about all but the
// system group is no failure.
func (r *reader) singles(ctx context.Context, cautious bool) (map[string]value, error) {
	all := slices.Concat(append([][]oid{systemGroup}, otherGroups...)...)
	if !cautious {
		v, err := r.get(ctx, all...)
		if err == nil || !errors.Is(err, ErrUnusable) {
			return v, err
		}
	}
	out, err := r.get(ctx, systemGroup...)
	if err != nil {
		return nil, err
	}
	for _, names := range otherGroups {
		v, err := r.get(ctx, names...)
		if err == nil {
			maps.Copy(out, v)
		}
	}
	return out, stopped(ctx)
}

func (f *Facts) readSystem(ctx context.Context, r *reader, cautious bool) error {
	v, err := r.singles(ctx, cautious)
	if err != nil {
		return err
	}
	text := func(name oid) string {
		s, _ := v[name.String()].text()
		return s
	}
	forwarding, _ := v[ipForwarding.String()].small()
	services, _ := v[sysServices.String()].small()
	f.System = System{
		Description: text(sysDescr), Contact: text(sysContact), Name: text(sysName), Location: text(sysLocation),
		Services: services, UpTime: upTime(v), Forwarding: forwarding == 1,
	}
	if o := v[sysObjectID.String()]; o.kind == kindOID {
		f.System.ObjectID = o.oid.String()
	}
	if e := v[snmpEngineID.String()]; e.kind == kindBytes && len(e.bytes) >= 5 && len(e.bytes) <= 32 {
		f.EngineID = hex.EncodeToString(e.bytes)
	}
	f.Hints = Hints{
		PrinterName: text(prtGeneralPrinterName), PrinterSerial: text(prtGeneralSerialNumber), DeviceDescr: text(hrDeviceDescr),
		UPSMaker: text(upsIdentManufacturer), UPSModel: text(upsIdentModel), UPSVersion: text(upsIdentVersion),
		ProbeVersion: text(probeSoftwareRev),
		MEDMaker:     text(lldpXMedLocMfgName), MEDModel: text(lldpXMedLocModelName),
		MEDSerial: text(lldpXMedLocSerialNum), MEDVersion: text(lldpXMedLocSoftwareRev),
	}
	if t := v[hrDeviceType.String()]; t.kind == kindOID {
		f.Hints.Printer = t.oid.compare(hrDevicePrinter) == 0
	}
	f.Hints.BridgeAddress, _ = v[dot1dBaseBridgeAddress.String()].mac()
	f.LLDP.itself(&lldpMIBs[0], v)
	return nil
}

// maxExtra bounds what rules can ask one device for; the first count.
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
	vars, err := r.session.next(ctx, []oid{column}, smallBatch)
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
