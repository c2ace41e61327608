package api

import (
	"context"
	"slices"

	"github.com/muster-itam/muster/collector/query"
	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/collector/topology"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// assetRef is an asset's id, empty for none.
func assetRef(id inventory.AssetID) string {
	if id == 0 {
		return ""
	}
	return id.String()
}

func namedToProto(n store.Named) *musterv1.AssetRef {
	if n.ID == 0 {
		return nil
	}
	return &musterv1.AssetRef{Id: n.ID.String(), Name: n.Name}
}

func nodeToProto(m *query.Map, id inventory.AssetID) *musterv1.AssetRef {
	return &musterv1.AssetRef{Id: assetRef(id), Name: m.Node(id).Name}
}

func nodesToProto(m *query.Map, ids []inventory.AssetID) []*musterv1.AssetRef {
	out := make([]*musterv1.AssetRef, len(ids))
	for i, id := range ids {
		out[i] = nodeToProto(m, id)
	}
	return out
}

// Where says where something is plugged in, or was.
func (s *Inventory) Where(ctx context.Context, req *musterv1.WhereRequest) (*musterv1.WhereResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	since, err := when("since", req.GetSince())
	if err != nil {
		return nil, err
	}
	w, err := s.query.Where(ctx, query.WhereQuery{What: req.GetWhat(), When: at, History: req.GetHistory(), Since: since})
	if err != nil {
		return nil, s.personError(ctx, "where", err)
	}
	res := &musterv1.WhereResponse{Asset: namedToProto(w.Thing.Named)}
	for i := range w.Places {
		res.Places = append(res.Places, placeToProto(&w.Map, &w.Places[i]))
	}
	for i := range w.Stays {
		x := &w.Stays[i]
		p := placeToProto(&w.Map, &x.Place)
		p.Since, p.Confirmed, p.Present, p.Losers = stamp(x.From), stamp(x.Until), x.Now, nil
		res.Stays = append(res.Stays, p)
	}
	return res, nil
}

func placeToProto(m *query.Map, p *topology.Place) *musterv1.Place {
	i := m.Interface(p.Port)
	out := &musterv1.Place{Mac: p.MAC, Bridge: nodeToProto(m, p.Bridge), Port: p.Name, Members: m.Members(p.Port), Description: i.Description, SpeedMbps: i.SpeedMbps,
		Vlan: int32(p.VLAN), Poe: i.PoE, Via: p.Via, Since: stamp(p.First), Confirmed: stamp(p.Last), Present: !p.Ended, //nolint:gosec // 1 to 4094
		Beyond: nodesToProto(m, p.Beyond), Stations: int32(min(p.Stations, inventory.MaxItems))} //nolint:gosec // bounded
	if out.GetVlan() == 0 {
		out.Vlan = int32(i.VLAN) //nolint:gosec // as above
	}
	for _, l := range p.Losers {
		out.Losers = append(out.Losers, &musterv1.Loser{Bridge: nodeToProto(m, l.Bridge), Port: l.Name, Via: l.Via, Confirmed: stamp(l.Last), Why: l.Why})
	}
	return out
}

// ListPorts lists the ports of a switch with who is on each.
func (s *Inventory) ListPorts(ctx context.Context, req *musterv1.ListPortsRequest) (*musterv1.ListPortsResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	asset, list, err := s.query.Ports(ctx, req.GetWhat(), req.GetPort(), at)
	if err != nil {
		return nil, s.personError(ctx, "list ports", err)
	}
	res := &musterv1.ListPortsResponse{Asset: namedToProto(asset)}
	for _, p := range list.Ports {
		out := &musterv1.SwitchPort{Name: p.Port.Name, Description: p.Description, Up: p.Up, Disabled: p.Disabled, SpeedMbps: p.SpeedMbps,
			Vlan: int32(p.VLAN), Tagged: p.Tagged, Poe: p.PoE, Members: p.Members, LeadsTo: nodesToProto(&list.Map, p.LeadsTo), //nolint:gosec // 1 to 4094
			Passing: int32(min(p.Passing, inventory.MaxItems))} //nolint:gosec // bounded
		for _, x := range p.Stations {
			out.Stations = append(out.Stations, &musterv1.Station{Mac: x.MAC, Asset: nodeToProto(&list.Map, x.Owner), Vlan: int32(x.VLAN), Via: x.Via, //nolint:gosec // 1 to 4094
				Since: stamp(x.First), Confirmed: stamp(x.Last)})
		}
		res.Ports = append(res.Ports, out)
	}
	return res, nil
}

// Path is the way between two things, port by port.
func (s *Inventory) Path(ctx context.Context, req *musterv1.PathRequest) (*musterv1.PathResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	w, err := s.query.Path(ctx, req.GetFrom(), req.GetTo(), at)
	if err != nil {
		return nil, s.personError(ctx, "path", err)
	}
	res := &musterv1.PathResponse{Whole: w.Whole}
	for _, x := range w.Steps {
		p := &musterv1.PathStep{InPort: x.In, OutPort: x.Out, InMembers: x.InMembers, OutMembers: x.OutMembers, Via: x.Via, Gap: x.Gap}
		if x.Gap == "" {
			p.Layer, p.Asset = int32(x.Layer), &musterv1.AssetRef{Id: assetRef(x.Asset), Name: x.Name} //nolint:gosec // 2 or 3
		}
		res.Steps = append(res.Steps, p)
	}
	return res, nil
}

// Topology lists the cables between switches.
func (s *Inventory) Topology(ctx context.Context, req *musterv1.TopologyRequest) (*musterv1.TopologyResponse, error) {
	at, err := whenOf(req)
	if err != nil {
		return nil, err
	}
	t, err := s.query.Topology(ctx, query.TopologyQuery{When: at, Site: req.GetSite(), Around: req.GetAround(), Depth: int(req.GetDepth())})
	if err != nil {
		return nil, s.personError(ctx, "topology", err)
	}
	res := &musterv1.TopologyResponse{}
	for _, n := range t.Nodes {
		res.Nodes = append(res.Nodes, &musterv1.TopologyNode{Id: n.ID.String(), Name: n.Name, Class: string(n.Class), Site: n.Site})
	}
	for _, l := range t.Links {
		res.Links = append(res.Links, &musterv1.TopologyLink{A: assetRef(l.A.Bridge), APort: l.A.Name, B: assetRef(l.B.Bridge), BPort: l.B.Name, BName: l.BName,
			Via: slices.Clone(l.Via), Both: l.Both, Inferred: l.Inferred, Since: stamp(l.First), Confirmed: stamp(l.Last),
			AMembers: t.Members(l.A), BMembers: t.Members(l.B)})
	}
	for _, x := range t.Stations {
		l := &musterv1.TopologyLink{A: assetRef(x.Bridge), APort: x.Name, B: assetRef(x.Owner), BPort: x.RemotePort, Via: []string{x.Via}, Station: true,
			Since: stamp(x.First), Confirmed: stamp(x.Last)}
		if x.Owner == 0 {
			l.BName = x.MAC
		}
		res.Links = append(res.Links, l)
	}
	return res, nil
}
