package wire

import (
	"context"
	"fmt"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// Report is one contact: observations in the order of their counters, and two random numbers
// by which the collector notices that a key is in use on two machines.
type Report struct {
	Observations         []inventory.Observation
	Nonce, PreviousNonce []byte
}

// Reporter sends a report: a [Client], or the collector itself for sources inside it.
type Reporter interface {
	Report(ctx context.Context, r Report) (Receipt, error)
}

// Outcome is what became of one observation.
type Outcome string

// The outcomes. Refused is given by the sender: the collector would not take the request.
const (
	OutcomeAccepted    Outcome = "accepted"
	OutcomeDuplicate   Outcome = "duplicate"
	OutcomeStale       Outcome = "stale"
	OutcomeQuarantined Outcome = "quarantined"
	OutcomeRefused     Outcome = "refused"
)

// Ack is the collector's word on one observation.
type Ack struct {
	Outcome Outcome
	Reason  string
	// Needed are the sections whose body the collector does not have.
	Needed []inventory.SectionName
}

// Receipt is the collector's answer to a report.
type Receipt struct {
	Acks       []Ack         // one for each observation, in order
	NextReport time.Duration // when to report next; 0 leaves it to the source
	ServerTime time.Time
	Rekey      bool // the key is in use on two machines: enrol again
}

// receiptFromProto takes an answer for one only if it speaks of exactly what was sent.
func receiptFromProto(sent []inventory.Observation, p *musterv1.ReportResponse) (Receipt, error) {
	acks := p.GetAcknowledgements()
	if len(acks) != len(sent) {
		return Receipt{}, fmt.Errorf("%d observations were answered with %d acknowledgements", len(sent), len(acks))
	}
	r := Receipt{Acks: make([]Ack, len(acks)), NextReport: max(p.GetNextReport().AsDuration(), 0), Rekey: p.GetRekey()}
	for i, a := range acks {
		if a.GetEpoch() != sent[i].Epoch || a.GetSeq() != sent[i].Seq {
			return Receipt{}, fmt.Errorf("observation %d.%d was answered with an acknowledgement of %d.%d",
				sent[i].Epoch, sent[i].Seq, a.GetEpoch(), a.GetSeq())
		}
		outcome, reason := outcomeFromProto(a.GetOutcome()), a.GetReason()
		if outcome == "" {
			return Receipt{}, fmt.Errorf("observation %d.%d was answered without an outcome", a.GetEpoch(), a.GetSeq())
		}
		r.Acks[i] = Ack{Outcome: outcome, Reason: reason}
		for _, name := range a.GetNeededSections() {
			r.Acks[i].Needed = append(r.Acks[i].Needed, inventory.SectionName(name))
		}
	}
	var err error
	if r.ServerTime, err = timeFromProto("server_time", p.GetServerTime()); err != nil {
		return Receipt{}, err
	}
	return r, nil
}

// outcomeFromProto takes an outcome of a newer collector for quarantined: dealt with, but
// nothing can be built upon it.
func outcomeFromProto(o musterv1.Outcome) Outcome {
	switch o {
	case musterv1.Outcome_OUTCOME_UNSPECIFIED:
		return ""
	case musterv1.Outcome_OUTCOME_ACCEPTED:
		return OutcomeAccepted
	case musterv1.Outcome_OUTCOME_DUPLICATE:
		return OutcomeDuplicate
	case musterv1.Outcome_OUTCOME_STALE:
		return OutcomeStale
	case musterv1.Outcome_OUTCOME_QUARANTINED:
		return OutcomeQuarantined
	}
	return OutcomeQuarantined
}
