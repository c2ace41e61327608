package api

import (
	"maps"
	"slices"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

func assetToProto(a *inventory.Asset) *musterv1.Asset {
	return &musterv1.Asset{
		Id: a.ID.String(), Name: a.Name, Class: string(a.Class), Vendor: a.Vendor, Model: a.Model, Serial: a.Serial,
		Os: a.OS, OsVersion: a.OSVersion, Addresses: a.Addresses, Macs: a.MACs, Sources: a.Sources,
		FirstSeen: stamp(a.FirstSeen), LastSeen: stamp(a.LastSeen), Site: a.Site, Domain: a.Domain,
		MemoryBytes: a.MemoryBytes, Cpu: a.CPU, User: a.User, MachineId: a.MachineID, DiskBytes: a.DiskBytes,
	}
}

func detailToProto(d *query.Detail) *musterv1.GetAssetResponse {
	res := &musterv1.GetAssetResponse{
		Asset:      assetToProto(&d.Asset),
		Attributes: attributesToProto(d.Attributes),
		Records:    recordsToProto(d.Records),
		From:       map[string]string{},

		MissedSweeps: int32(d.Missed), MissedAt: stamp(d.MissedAt), //nolint:gosec // at most some tens
	}
	wire.FillSections(res, d)
	if d.Former != 0 {
		res.AliasOf = d.Former.String()
	}
	for name, r := range d.From {
		res.From[string(name)] = query.RecordID(r.ID)
	}
	for _, l := range d.Links {
		p := &musterv1.Link{Type: "connected_to", LocalPort: l.LocalPort, Name: l.Name, RemotePort: l.RemotePort, Via: l.Via, Asset: assetRef(l.Asset)}
		res.Links = append(res.Links, p)
	}
	return res
}

func attributesToProto(list []inventory.Attribute) []*musterv1.Attribute {
	out := make([]*musterv1.Attribute, len(list))
	for i, a := range list {
		out[i] = &musterv1.Attribute{Name: a.Name, Value: a.Value, Source: a.Source, At: stamp(a.At), Losers: attributesToProto(a.Losers)}
	}
	return out
}

func recordsToProto(list []store.RecordDetail) []*musterv1.Record {
	out := make([]*musterv1.Record, len(list))
	for i := range list {
		r := &list[i]
		p := &musterv1.Record{Id: query.RecordID(r.ID), SourceKind: string(r.Key.Kind), Source: r.SourceName, NativeKey: r.Key.Key,
			Site: r.Site, FirstSeen: stamp(r.FirstSeen), LastSeen: stamp(r.LastSeen)}
		for _, name := range slices.Sorted(maps.Keys(r.Sections)) {
			s := r.Sections[name]
			p.Sections = append(p.Sections, &musterv1.SectionState{Name: string(name), Status: wire.StatusToProto(s.Status), Reason: s.Reason,
				At: stamp(r.SectionAt[name])})
		}
		out[i] = p
	}
	return out
}

func explanationToProto(e *query.Explanation) *musterv1.WhyResponse {
	res := &musterv1.WhyResponse{Asset: assetToProto(&e.Asset), Records: recordsToProto(e.Records), Text: e.Text}
	for _, j := range e.Joins {
		res.Joins = append(res.Joins, joinToProto(j))
	}
	compareToProto(res, e)
	for _, d := range e.Demotions {
		p := &musterv1.Demotion{Type: string(d.Key.Type), Value: d.Key.Value, Scope: d.Key.Scope, Tier: d.Tier, Reason: d.Reason,
			Witnesses: []string{query.RecordID(d.A), query.RecordID(d.B)}}
		for _, record := range []int64{d.A, d.B} {
			if asset := e.Assets[record]; asset != 0 && !slices.Contains(p.Assets, asset.String()) {
				p.Assets = append(p.Assets, asset.String())
			}
		}
		res.Demotions = append(res.Demotions, p)
	}
	return res
}

func joinToProto(j reconcile.Join) *musterv1.Join {
	p := &musterv1.Join{Type: string(j.Key.Type), Value: j.Key.Value, Scope: j.Key.Scope, Tier: j.Tier, Rule: j.Rule, Since: stamp(j.Since)}
	for _, r := range j.Records {
		p.Records = append(p.Records, query.RecordID(r))
	}
	return p
}
