package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// Job is a sweep that the collector asks a scanner for.
type Job struct {
	ID      string
	Site    string
	Targets []string
	Exclude []string
	Rate    int // packets a second, 0 for the scanner's default
	Options inventory.ScanOptions
	// Done is what need not be scanned again, Probed how far it was, in the unit of JobUpdate.
	Done   []inventory.Range
	Probed int64
	// Sealed are the credentials among Options.Credentials that this scanner may have.
	Sealed []SealedCredential
}

// SealedCredential is one that the key which asked for the job can open.
type SealedCredential struct {
	Name   string
	Sealed []byte
}

// FetchJob waits up to 50 s for the next job; without one the result is nil. Credentials
// are sealed to key.
func (c *Client) FetchJob(ctx context.Context, wait time.Duration, key []byte) (*Job, error) {
	wait = min(max(wait, 0), callTimeout-10*time.Second)
	var res *musterv1.FetchJobResponse
	s := c.session.Load()
	err := s.call(ctx, func(ctx context.Context) (err error) {
		res, err = musterv1connect.NewScanJobServiceClient(s.rpc).FetchJob(ctx, &musterv1.FetchJobRequest{Wait: durationpb.New(wait), SealingKey: key})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("fetch job: %w", err)
	}
	p := res.GetJob()
	if p == nil {
		return nil, nil
	}
	j := &Job{ID: p.GetId(), Site: p.GetSite(), Targets: p.GetTargets(), Exclude: p.GetExclude(), Rate: int(p.GetRate()), Probed: p.GetProbed(),
		Options: ScanOptions(p.GetOptions())}
	if err := j.Options.Validate(); err != nil {
		return nil, fmt.Errorf("fetch job: %w", err)
	}
	for _, text := range p.GetDone() {
		r, err := inventory.ParseRange(text)
		if err != nil {
			return nil, fmt.Errorf("fetch job: done: %w", err)
		}
		j.Done = append(j.Done, r)
	}
	for _, x := range p.GetSealed() {
		j.Sealed = append(j.Sealed, SealedCredential{x.GetName(), x.GetSealed()})
	}
	return j, nil
}

// JobUpdate is a scanner's word on a job: State is running, paused, done or failed.
type JobUpdate struct {
	ID, State, Message     string
	Probed, Planned, Found int64
	Left                   time.Duration          // 0 when not known
	Swept                  []inventory.SweptRange // since the last word that arrived
}

// UpdateJob tells the collector about a job and hears what to do with it.
func (c *Client) UpdateJob(ctx context.Context, u JobUpdate) (inventory.ScanOrder, error) {
	req := &musterv1.UpdateJobRequest{Id: u.ID, State: u.State, Message: u.Message, Probed: u.Probed, Planned: u.Planned, Found: u.Found}
	if u.Left > 0 {
		req.Left = durationpb.New(u.Left)
	}
	for _, r := range u.Swept {
		req.Swept = append(req.Swept, &musterv1.SweptRange{First: r.From.String(), Last: r.To.String(), Complete: r.Complete, Took: durationpb.New(r.Took)})
	}
	var res *musterv1.UpdateJobResponse
	s := c.session.Load()
	err := s.call(ctx, func(ctx context.Context) (err error) {
		res, err = musterv1connect.NewScanJobServiceClient(s.rpc).UpdateJob(ctx, req)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("update job %s: %w", u.ID, err)
	}
	switch order := inventory.ScanOrder(res.GetOrder()); {
	case order == inventory.OrderPause, order == inventory.OrderStop:
		return order, nil
	case res.GetCancel(): // of a collector that knows no pause
		return inventory.OrderStop, nil
	}
	return inventory.OrderRun, nil
}

// MaxCredential bounds the secret part of a credential.
const MaxCredential = 10 << 10 // escaped as JSON it still fits into what can be sealed

// Credential is what is sealed for a scanner: the secret, and where alone it may be sent;
// no targets stand for wherever the scan goes.
type Credential struct {
	Targets []string
	Secret  inventory.Secret
}

type packedCredential struct {
	Targets []string `json:"targets,omitempty"`
	Secret  string   `json:"secret"`
}

// PackCredential is a credential as one secret.
func PackCredential(c Credential) (inventory.Secret, error) {
	text, err := json.Marshal(packedCredential{c.Targets, c.Secret.Reveal()})
	if err != nil {
		return "", fmt.Errorf("pack credential: %w", err)
	}
	return inventory.Secret(text), nil
}

// UnpackCredential reads what PackCredential made.
func UnpackCredential(text inventory.Secret) (secret inventory.Secret, scope []netip.Prefix, err error) {
	var p packedCredential
	if err := json.Unmarshal([]byte(text.Reveal()), &p); err != nil {
		return "", nil, inventory.Errorf(inventory.CodeInvalid, "credential: not in the form that collectors send")
	}
	for _, t := range p.Targets {
		prefix, err := netip.ParsePrefix(t)
		if err != nil {
			return "", nil, inventory.Errorf(inventory.CodeInvalid, "credential: target %.80q is no prefix", t)
		}
		scope = append(scope, prefix)
	}
	return inventory.Secret(p.Secret), scope, nil
}

// ScanOptions are a scan's options as they came over the wire.
func ScanOptions(p *musterv1.ScanOptions) inventory.ScanOptions {
	return inventory.ScanOptions{
		Large: p.GetLarge(), Ports: p.GetPorts(), Fragile: p.GetFragile(), NoServices: p.GetNoServices(), NoSearch: p.GetNoSearch(), NoNames: p.GetNoNames(),
		NoSNMP: p.GetNoSnmp(), Listen: p.GetListen().AsDuration(), Interfaces: p.GetInterfaces(), Credentials: p.GetCredentials(),
	}
}
