package api

import (
	"context"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// ListUnidentified lists what scans met and could not name.
func (s *Inventory) ListUnidentified(ctx context.Context, req *musterv1.ListUnidentifiedRequest) (*musterv1.ListUnidentifiedResponse, error) {
	found, err := s.query.Unidentified(ctx, req.GetReason(), int(req.GetLimit()))
	if err != nil {
		return nil, s.personError(ctx, "list what is not identified", err)
	}
	res := &musterv1.ListUnidentifiedResponse{Total: found.Total}
	for i := range found.List {
		u := &found.List[i]
		res.List = append(res.List, &musterv1.Unidentified{Asset: u.ID.String(), Name: u.Name, Site: u.Site, Addresses: u.Addresses, Macs: u.MACs,
			Unknown: u.Unknown, Reason: u.Reason, Help: inventory.UnknownHelp(u.Reason), LastSeen: stamp(u.LastSeen)})
	}
	for _, r := range found.Reasons {
		res.Reasons = append(res.Reasons, &musterv1.ReasonCount{Reason: r.Reason, Count: r.Count, Help: inventory.UnknownHelp(r.Reason)})
	}
	return res, nil
}
