package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"github.com/muster-itam/muster/internal/output"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

func (a *app) asset() *cobra.Command {
	var t times
	show := &cobra.Command{
		Use: "show ID", Short: "Show everything about one asset",
		Long: "Show everything about one asset. As CSV it is the list of its software.",
		Args: args(1, 1, "one asset id such as a17"),
		RunE: func(c *cobra.Command, args []string) error {
			at, err := a.when(&t)
			if err != nil {
				return err
			}
			var res *musterv1.GetAssetResponse
			err = a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.GetAsset(ctx, &musterv1.GetAssetRequest{Id: args[0], AsOf: at.asOf, KnownOn: at.knownOn})
				return err
			})
			if err != nil {
				return err
			}
			switch output.Format(a.format) {
			case output.FormatJSON:
				return output.JSON(a.out, assetJSON(res))
			case output.FormatCSV:
				return list(a, res.GetSoftware(), softwareColumns(), "")
			case output.FormatTable:
			}
			return a.showAsset(res)
		},
	}
	t.flags(show, "the state that was true at this TIME")
	return group(&cobra.Command{Use: "asset", Short: "Show one asset"}, show)
}

// assetJSON puts an asset's line and its parts into one object. The operating system's
// name is the line's field os; the part with all of it is os_details.
func assetJSON(res *musterv1.GetAssetResponse) *object {
	out := toJSON(res.GetAsset())
	parts := toJSON(res)
	for i, name := range parts.names {
		switch name {
		case "asset":
			continue
		case "os":
			name = "os_details"
		}
		out.set(name, parts.values[i])
	}
	return out
}

// showAsset writes one asset for a person to read.
func (a *app) showAsset(res *musterv1.GetAssetResponse) error {
	x, hw, os := res.GetAsset(), res.GetHardware(), res.GetOs()
	var b strings.Builder
	line := func(title, text string) {
		if text = output.Clean(text); text != "" {
			_, _ = fmt.Fprintf(&b, "%-13s %s\n", title, text)
		}
	}
	line("Asset", words(x.GetId(), x.GetName()))
	line("Former id", res.GetAliasOf())
	line("Domain", x.GetDomain())
	line("Class", x.GetClass())
	line("Hardware", words(x.GetVendor(), x.GetModel()))
	line("Serial", x.GetSerial())
	line("System", words(x.GetOs(), x.GetOsVersion(), os.GetArch(), os.GetKernel()))
	line("Machine id", x.GetMachineId())
	line("CPU", cpu(x.GetCpu(), hw))
	line("Memory", size(x.GetMemoryBytes()))
	line("Disk", size(x.GetDiskBytes()))
	line("Firmware", words(hw.GetBiosVendor(), hw.GetBiosVersion(), hw.GetBiosDate()))
	line("Security", security(res.GetSecurity()))
	line("User", x.GetUser())
	line("Site", x.GetSite())
	line("Addresses", strings.Join(x.GetAddresses(), " "))
	line("MACs", strings.Join(x.GetMacs(), " "))
	line("First seen", local(x.GetFirstSeen()))
	line("Last seen", local(x.GetLastSeen())+" ("+ago(a.now(), x.GetLastSeen())+")")
	line("Missed", missed(res))
	if _, err := io.WriteString(a.out, b.String()); err != nil {
		return err
	}
	return a.showParts(res)
}

// missed says how many complete sweeps did not see it any more.
func missed(res *musterv1.GetAssetResponse) string {
	switch n := res.GetMissedSweeps(); n {
	case 0:
		return ""
	case 1:
		return "not seen by a complete sweep since, on " + local(res.GetMissedAt())
	default:
		return fmt.Sprintf("not seen by %d complete sweeps since, the last on %s", n, local(res.GetMissedAt()))
	}
}

// security is how the machine protects itself, in a line.
func security(s *musterv1.Security) string {
	var out []string
	say := func(what, value string) {
		if value != "" {
			out = append(out, what+" "+value)
		}
	}
	say("TPM", s.GetTpmVersion())
	say("secure boot", s.GetSecureBoot())
	say("disk encryption", s.GetDiskEncryption())
	say("", s.GetMandatoryAccess())
	say("firewall", s.GetFirewall())
	return strings.TrimSpace(strings.Join(out, ", "))
}

func cpu(model string, hw *musterv1.Hardware) string {
	if hw.GetCpuCores() == 0 {
		return model
	}
	return fmt.Sprintf("%s (%d cores, %d threads)", model, hw.GetCpuCores(), hw.GetCpuThreads())
}

// section writes a titled table of one part of an asset, nothing when the part is empty.
func section[M proto.Message](a *app, title string, items []M, columns ...column[M]) error {
	if len(items) == 0 {
		return nil
	}
	if _, err := fmt.Fprintf(a.out, "\n%s (%d)\n", title, len(items)); err != nil {
		return err
	}
	return table(a, items, columns)
}

func (a *app) showParts(res *musterv1.GetAssetResponse) error {
	type (
		iface = *musterv1.Interface
		disk  = *musterv1.Disk
		mem   = *musterv1.MemoryModule
		vol   = *musterv1.Filesystem
		port  = *musterv1.Port
		part  = *musterv1.Component
		link  = *musterv1.Link
		user  = *musterv1.User
		group = *musterv1.Volume
		gpu   = *musterv1.GPU
		mon   = *musterv1.Monitor
		bat   = *musterv1.Battery
		prn   = *musterv1.Printer
		plug  = *musterv1.Peripheral
		box   = *musterv1.Container
		use   = *musterv1.Usage
		vlan  = *musterv1.VLAN
		share = *musterv1.Redundancy
		wifi  = *musterv1.WirelessNetwork
		sup   = *musterv1.Supply
		meter = *musterv1.Meter
	)
	for _, err := range []error{
		section(a, "Interfaces", res.GetInterfaces(), col("name", "", iface.GetName), col("type", "", iface.GetType),
			idCol("mac", "", iface.GetMac), col("addresses", "", func(x iface) string { return strings.Join(x.GetAddresses(), " ") }),
			col("state", "", ifaceState), col("vlans", "", vlans)),
		section(a, "Disks", res.GetDisks(), col("name", "", disk.GetName), col("model", "", func(x disk) string { return words(x.GetVendor(), x.GetModel()) }),
			col("serial", "", disk.GetSerial), col("bus", "", disk.GetBus), right("size", func(x disk) string { return size(x.GetBytes()) })),
		section(a, "Memory modules", res.GetMemory(), col("slot", "", mem.GetSlot), right("size", func(x mem) string { return size(x.GetBytes()) }),
			col("type", "", mem.GetType), col("vendor", "", mem.GetVendor), col("part number", "", mem.GetPartNumber), col("serial", "", mem.GetSerial)),
		section(a, "File systems", res.GetFilesystems(), col("mount point", "", vol.GetMountpoint), col("type", "", vol.GetType), col("device", "", vol.GetDevice),
			right("size", func(x vol) string { return size(x.GetBytes()) }), right("used", func(x vol) string { return size(x.GetUsedBytes()) })),
		section(a, "Volumes", res.GetVolumes(), col("type", "", group.GetType), col("name", "", group.GetName), col("level", "", group.GetLevel),
			col("state", "", group.GetState), right("size", func(x group) string { return size(x.GetBytes()) }),
			col("made of", "", func(x group) string { return strings.Join(x.GetMembers(), " ") })),
		section(a, "Graphics", res.GetGpus(), col("name", "", gpu.GetName), col("vendor", "", gpu.GetVendor), right("memory", func(x gpu) string { return size(x.GetBytes()) }),
			col("driver", "", gpu.GetDriver)),
		section(a, "Monitors", res.GetMonitors(), col("vendor", "", mon.GetVendor), col("model", "", mon.GetModel), col("serial", "", mon.GetSerial),
			col("made", "", mon.GetManufactured), col("resolution", "", mon.GetResolution), col("port", "", mon.GetPort)),
		section(a, "Batteries", res.GetBatteries(), col("name", "", bat.GetName), col("model", "", func(x bat) string { return words(x.GetVendor(), x.GetModel()) }),
			col("serial", "", bat.GetSerial), col("chemistry", "", bat.GetChemistry), right("health", func(x bat) string { return percent(x.GetHealthPercent()) }),
			right("cycles", func(x bat) string { return positive(x.GetCycles()) })),
		section(a, "Printers", res.GetPrinters(), col("name", "", prn.GetName), col("model", "", func(x prn) string { return words(x.GetVendor(), x.GetModel()) }),
			col("serial", "", prn.GetSerial), col("driver", "", prn.GetDriver), col("address", "", prn.GetUri)),
		section(a, "Peripherals", res.GetPeripherals(), col("class", "", plug.GetClass), col("device", "", func(x plug) string { return words(x.GetVendor(), x.GetModel()) }),
			col("serial", "", plug.GetSerial), col("port", "", func(x plug) string { return words(x.GetBus(), x.GetAddress()) })),
		section(a, "Containers", res.GetContainers(), col("name", "", box.GetName), col("kind", "", func(x box) string { return cmp.Or(x.GetKind(), "container") }),
			col("image", "", box.GetImage), col("state", "", box.GetState), col("runtime", "", box.GetRuntime), col("id", "", box.GetId)),
		section(a, "Last use", res.GetUsage(), col("program", "", use.GetName), col("last used", "", use.GetLastUsed), col("known by", "", use.GetSource)),
		section(a, "Components", res.GetComponents(), col("class", "", part.GetClass), col("name", "", part.GetName), col("model", "", part.GetModel), col("serial", "", part.GetSerial)),
		section(a, "VLANs", res.GetVlans(), right("id", func(x vlan) string { return fmt.Sprint(x.GetId()) }), col("name", "", vlan.GetName)),
		section(a, "Shared addresses", res.GetRedundancy(), col("protocol", "", share.GetProtocol), right("group", func(x share) string { return fmt.Sprint(x.GetGroup()) }),
			col("interface", "", share.GetInterface), col("addresses", "", func(x share) string { return strings.Join(x.GetAddresses(), " ") }),
			col("state", "", share.GetState), right("priority", func(x share) string { return positive(x.GetPriority()) })),
		section(a, "Wireless networks", res.GetWireless(), col("name", "", wifi.GetSsid), right("vlan", func(x wifi) string { return positive(x.GetVlan()) }),
			col("security", "", wifi.GetSecurity), col("state", "", func(x wifi) string { return map[bool]string{true: "disabled"}[x.GetDisabled()] })),
		section(a, "Supplies", res.GetSupplies(), col("kind", "", sup.GetKind), col("name", "", sup.GetName), col("colour", "", sup.GetColour), col("serial", "", sup.GetSerial),
			right("left", func(x sup) string { return left(x.GetLevelPercent()) })),
		section(a, "Meters", res.GetMeters(), col("of", "", meter.GetOf), col("name", "", meter.GetName),
			right("value", func(x meter) string { return words(fmt.Sprint(x.GetValue()), x.GetUnit()) })),
		section(a, "Ports", res.GetPorts(), col("port", "", func(x port) string { return fmt.Sprintf("%d/%s", x.GetNumber(), x.GetProtocol()) }),
			col("address", "", port.GetAddress), col("service", "", port.GetService), col("process", "", port.GetProcess),
			col("product", "", func(x port) string { return words(x.GetProduct(), x.GetVersion()) }), col("banner", "", port.GetBanner),
			col("certificate", "", func(x port) string { return strings.Join(x.GetCertificateNames(), " ") }), col("until", "", port.GetCertificateUntil)),
		section(a, "Users", res.GetUsers(), col("name", "", user.GetName), col("full name", "", user.GetFullName), col("home", "", user.GetHome)),
		section(a, "Links", res.GetLinks(), col("type", "", link.GetType), col("port", "", link.GetLocalPort), idCol("to", "", link.GetAsset),
			col("name", "", link.GetName), col("its port", "", link.GetRemotePort), col("via", "", link.GetVia)),
		section(a, "Records", res.GetRecords(), a.recordColumns()...),
		section(a, "Software", res.GetSoftware(), softwareColumns()...), // by far the longest
	} {
		if err != nil {
			return err
		}
	}
	return nil
}

// vlans is the VLANs of an interface: 10, tagged 20-29.
func vlans(x *musterv1.Interface) string {
	tagged := x.GetTagged()
	if tagged != "" {
		tagged = "tagged " + tagged
	}
	return words(positive(x.GetVlan()), tagged)
}

func ifaceState(x *musterv1.Interface) string {
	state := "down"
	switch {
	case x.GetUp():
		state = "up"
	case x.GetDisabled():
		state = "disabled"
	}
	if b := x.GetAggregate(); b != "" {
		state += " in " + b
	}
	if p := x.GetPoe(); p != "" {
		state += " power " + p
	}
	return state
}

// left is how much of a supply is left.
func left(percent int32) string {
	if percent < 0 {
		return "not known"
	}
	return fmt.Sprintf("%d%%", percent)
}

func percent(n int32) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", n)
}

func positive(n int32) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func right[M proto.Message](title string, text func(M) string) column[M] {
	return column[M]{Column: output.Column{Title: title, Right: true}, see: text}
}

func softwareColumns() []column[*musterv1.InstalledSoftware] {
	type m = *musterv1.InstalledSoftware
	return []column[m]{
		col("name", "name", m.GetName), col("version", "version", m.GetVersion), col("source", "source", m.GetSource),
		col("arch", "arch", m.GetArch), col("publisher", "publisher", m.GetPublisher), col("installed", "installed", m.GetInstalled),
		hidden("bytes", func(x m) string { return number(x.GetBytes()) }), hidden("path", m.GetPath), hidden("purl", m.GetPurl),
		hidden("kind", m.GetKind), hidden("edition", m.GetEdition), hidden("user", m.GetUser),
	}
}

func (a *app) recordColumns() []column[*musterv1.Record] {
	type m = *musterv1.Record
	return []column[m]{
		idCol("record", "id", m.GetId), col("source", "source_kind", m.GetSourceKind), col("from", "source", m.GetSource),
		{Column: output.Column{Title: "key"}, key: "native_key", cell: m.GetNativeKey, see: func(x m) string {
			if x.GetNativeKey() == x.GetSource() {
				return "" // an agent's record is of itself
			}
			return x.GetNativeKey()
		}},
		col("site", "site", m.GetSite),
		ageCol(a, "last seen", "last_seen", m.GetLastSeen),
		col("not read in full", "incomplete", incomplete),
	}
}

// incomplete lists what a source could not read, and why.
func incomplete(r *musterv1.Record) string {
	var out []string
	for _, s := range r.GetSections() {
		if s.GetStatus() == musterv1.Status_STATUS_PARTIAL || s.GetStatus() == musterv1.Status_STATUS_FAILED {
			out = append(out, s.GetName()+": "+s.GetReason())
		}
	}
	return strings.Join(out, "; ")
}

func (a *app) why() *cobra.Command {
	return &cobra.Command{
		Use: "why ID [OTHER]", Short: "Explain why records are one asset, or why two are not",
		Long: `Explain why records are one asset: what joins them, and what was not believed. With a
second id: what joins the two, or what they share and what keeps them apart.`,
		Args: args(1, 2, "one asset id such as a17, or two"),
		RunE: func(c *cobra.Command, args []string) error {
			other := ""
			if len(args) > 1 {
				other = args[1]
			}
			var res *musterv1.WhyResponse
			err := a.call(c.Context(), func(ctx context.Context, client musterv1connect.InventoryServiceClient) (err error) {
				res, err = client.Why(ctx, &musterv1.WhyRequest{Id: args[0], Other: other})
				return err
			})
			if err != nil {
				return err
			}
			switch output.Format(a.format) {
			case output.FormatJSON:
				return output.JSON(a.out, toJSON(res))
			case output.FormatCSV:
				return list(a, res.GetJoins(), joinColumns(), "")
			case output.FormatTable:
			}
			var b strings.Builder
			for _, x := range []*musterv1.Asset{res.GetAsset(), res.GetOther()} {
				if x != nil {
					_, _ = fmt.Fprintf(&b, "%s\n", output.Clean(words("Asset", x.GetId(), x.GetName())))
				}
			}
			for _, line := range res.GetText() {
				b.WriteString(output.Clean(line) + "\n")
			}
			for _, p := range res.GetPins() {
				b.WriteString(output.Clean(fmt.Sprintf("%s said in %s that %s: %s.", p.GetWho(), p.GetId(), saying(p), p.GetWhy())) + "\n")
			}
			if other != "" {
				_, err := io.WriteString(a.out, b.String())
				return err
			}
			if _, err := io.WriteString(a.out, b.String()); err != nil {
				return err
			}
			return section(a, "Records", res.GetRecords(), a.recordColumns()...)
		},
	}
}

func joinColumns() []column[*musterv1.Join] {
	type m = *musterv1.Join
	return []column[m]{
		hidden("type", m.GetType), hidden("value", m.GetValue), hidden("scope", m.GetScope),
		hidden("tier", func(x m) string { return number(int64(x.GetTier())) }), hidden("rule", m.GetRule),
		hidden("since", func(x m) string { return stamp(x.GetSince()) }),
		hidden("records", func(x m) string { return strings.Join(x.GetRecords(), " ") }),
	}
}
