package api

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/collector/ingest"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// Ingester takes observations; collector/ingest has it.
type Ingester interface {
	// Report takes a source's contact with its observations, and says whether it shows a copied key.
	Report(ctx context.Context, contact ingest.Contact, batch []inventory.Observation) (acks []ingest.Ack, copied bool, err error)
	Quarantine(ctx context.Context, source inventory.Source, epoch, seq int64, raw []byte, reason string) error
}

// maxObservations bounds one report.
const maxObservations = 4096

// Reports implements IngestService.
type Reports struct {
	ingester Ingester
	interval time.Duration
	log      *slog.Logger
	now      func() time.Time
}

// NewReports makes the service. Sources are asked to report every interval.
func NewReports(ingester Ingester, interval time.Duration, log *slog.Logger, now func() time.Time) *Reports {
	return &Reports{ingester: ingester, interval: interval, log: log, now: now}
}

// Report takes a source's observations and answers when they are durable.
func (r *Reports) Report(ctx context.Context, req *musterv1.ReportRequest) (*musterv1.ReportResponse, error) {
	if n := len(req.GetObservations()); n > maxObservations {
		return nil, sourceError(ctx, r.log, inventory.Errorf(inventory.CodeTooLarge, "the report has %d observations, at most %d allowed", n, maxObservations))
	}
	caller := identity.CallerOf(ctx)
	contact := identity.Contact{Nonce: req.GetNonce(), Previous: req.GetPreviousNonce(), Version: req.GetVersion()}
	if caller.Fresh {
		contact.Certificate = caller.Serial
	}
	if err := contact.Check(); err != nil {
		return nil, sourceError(ctx, r.log, err)
	}
	acks, copied, err := r.take(ctx, caller, contact, req)
	if err != nil {
		return nil, sourceError(ctx, r.log, err)
	}
	if copied {
		r.log.WarnContext(ctx, "key on two machines", "source", caller.String(), "remote", caller.Remote)
	}
	return &musterv1.ReportResponse{
		Acknowledgements: acks,
		NextReport:       durationpb.New(r.interval),
		ServerTime:       timestamppb.New(r.now()),
		Rekey:            copied,
	}, nil
}

// take submits what can be decoded and quarantines the rest. The source is the caller,
// whatever the message may say.
func (r *Reports) take(ctx context.Context, caller identity.Caller, contact identity.Contact, req *musterv1.ReportRequest) (acks []*musterv1.Acknowledgement, copied bool, err error) {
	src, list := caller.Source(), req.GetObservations()
	acks = make([]*musterv1.Acknowledgement, len(list))
	batch := make([]inventory.Observation, 0, len(list))
	place := make([]int, 0, len(list)) // of each of batch in list
	for i, p := range list {
		acks[i] = &musterv1.Acknowledgement{Epoch: p.GetEpoch(), Seq: p.GetSeq()}
		o, err := wire.FromProto(p)
		o.Source = src
		if sent := req.GetSentAt(); sent.IsValid() {
			o.SentAt = sent.AsTime()
		}
		if err == nil {
			err = o.Validate()
		}
		if err == nil {
			batch, place = append(batch, o), append(place, i)
			continue
		}
		if err := r.quarantine(ctx, src, p, err.Error()); err != nil {
			return nil, false, err
		}
		acks[i].Outcome, acks[i].Reason = musterv1.Outcome_OUTCOME_QUARANTINED, err.Error()
	}
	done, copied, err := r.ingester.Report(ctx, ingest.Contact{Source: src, Contact: contact}, batch)
	if err != nil {
		return nil, false, err
	}
	for n, ack := range done {
		to := acks[place[n]]
		to.Outcome, to.Reason = outcome(ack.Outcome), ack.Reason
		for _, name := range ack.Needed {
			to.NeededSections = append(to.NeededSections, string(name))
		}
	}
	return acks, copied, nil
}

func (r *Reports) quarantine(ctx context.Context, src inventory.Source, p *musterv1.Observation, reason string) error {
	raw, err := proto.Marshal(p)
	if err != nil {
		return inventory.Errorf(inventory.CodeInvalid, "an observation cannot be kept")
	}
	r.log.WarnContext(ctx, "observation quarantined", "source_kind", src.Kind, "source", src.ID, "epoch", p.GetEpoch(), "seq", p.GetSeq(), "reason", reason)
	return r.ingester.Quarantine(ctx, src, p.GetEpoch(), p.GetSeq(), raw, reason)
}

func outcome(o ingest.Outcome) musterv1.Outcome {
	switch o {
	case ingest.Accepted:
		return musterv1.Outcome_OUTCOME_ACCEPTED
	case ingest.Duplicate:
		return musterv1.Outcome_OUTCOME_DUPLICATE
	case ingest.Stale:
		return musterv1.Outcome_OUTCOME_STALE
	case ingest.Quarantined:
		return musterv1.Outcome_OUTCOME_QUARANTINED
	}
	return musterv1.Outcome_OUTCOME_UNSPECIFIED
}
