package api

import (
	"context"
	"log/slog"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
)

// Enrolment implements EnrolmentService.
type Enrolment struct {
	enroller *identity.Enroller
	log      *slog.Logger
}

// NewEnrolment makes the service.
func NewEnrolment(enroller *identity.Enroller, log *slog.Logger) *Enrolment {
	return &Enrolment{enroller: enroller, log: log}
}

// Enroll trades a token and a certificate request for a client certificate.
func (e *Enrolment) Enroll(ctx context.Context, req *musterv1.EnrollRequest) (*musterv1.EnrollResponse, error) {
	src, cert, err := e.enroller.Enrol(ctx, identity.RemoteOf(ctx), identity.Request{
		Token:    inventory.Secret(req.GetToken()),
		CSR:      req.GetCsr(),
		Kind:     inventory.SourceKind(req.GetKind()),
		Hostname: req.GetHostname(),
		Version:  req.GetVersion(),
	})
	if err != nil {
		return nil, sourceError(ctx, e.log, err)
	}
	return e.response(src.ID, src.Site, cert), nil
}

// Renew gives a new certificate to the holder of the present one.
func (e *Enrolment) Renew(ctx context.Context, req *musterv1.RenewRequest) (*musterv1.EnrollResponse, error) {
	caller := identity.CallerOf(ctx)
	cert, err := e.enroller.Renew(ctx, caller, req.GetCsr())
	if err != nil {
		return nil, sourceError(ctx, e.log, err)
	}
	return e.response(caller.ID, caller.Site, cert), nil
}

func (e *Enrolment) response(id, site string, cert identity.Certificate) *musterv1.EnrollResponse {
	return &musterv1.EnrollResponse{
		Id: id, Site: site, Certificate: cert.DER, Authorities: e.enroller.Roots(), NotAfter: timestamppb.New(cert.NotAfter),
	}
}
