package server

import (
	"time"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// Class groups routes that share a limit on how many requests run at once, so that no
// crowd keeps another out.
type Class string

// The classes.
const (
	ClassProbe  Class = "probe"  // health, static pages
	ClassEnrol  Class = "enrol"  // no credentials needed yet work is done
	ClassIngest Class = "ingest" // reports
	ClassJobs   Class = "jobs"   // scanners waiting for work
	ClassPeople Class = "people"
)

// Limits on bodies, decompressed, in bytes.
const (
	bodyNone   = 0
	bodySmall  = 64 << 10 // what a stranger may send: a token and a request have 1 KiB
	bodyPeople = 1 << 20
	bodyReport = 32 << 20
)

// Policy says which callers a route takes and what a request may cost.
type Policy struct {
	identity.Demand
	Class   Class
	MaxBody int64
	// Proto takes binary messages only: JSON decodes into many times its size.
	Proto bool
	// Write is how long the handler may take; 0 means writeTime.
	Write time.Duration
	// Page sends browsers without a session to sign in instead of refusing them.
	Page bool
}

const writeTime = 30 * time.Second

func (p *Policy) write() time.Duration {
	if p.Write == 0 {
		return writeTime
	}
	return p.Write
}

// Policies is the policy table: every route stands here, by its pattern in http.ServeMux
// or its Connect procedure. A route that does not is an error at start.
func Policies() map[string]Policy {
	anyone := identity.Demand{Accept: identity.Anyone}
	reporter := identity.Demand{Accept: identity.Agent | identity.Scanner, Contact: true}
	renewer := identity.Demand{Accept: identity.Agent | identity.Scanner, Expired: true}
	scanner := identity.Demand{Accept: identity.Scanner}
	reader := identity.Demand{Accept: identity.Person, Role: identity.Reader}
	admin := identity.Demand{Accept: identity.Person, Role: identity.Administrator}

	enrol := func(d identity.Demand) Policy {
		return Policy{Demand: d, Class: ClassEnrol, MaxBody: bodySmall, Proto: true}
	}
	jobs := Policy{Demand: scanner, Class: ClassJobs, MaxBody: bodyPeople, Proto: true, Write: 90 * time.Second}
	people := func(d identity.Demand) Policy {
		return Policy{Demand: d, Class: ClassPeople, MaxBody: bodyPeople, Write: 5 * time.Minute}
	}
	return map[string]Policy{
		"GET /healthz": {Demand: anyone, Class: ClassProbe, MaxBody: bodyNone},
		"GET /readyz":  {Demand: anyone, Class: ClassProbe, MaxBody: bodyNone},

		musterv1connect.EnrolmentServiceEnrollProcedure:  enrol(anyone),
		musterv1connect.EnrolmentServiceRenewProcedure:   enrol(renewer),
		musterv1connect.IngestServiceReportProcedure:     {Demand: reporter, Class: ClassIngest, MaxBody: bodyReport, Proto: true, Write: 2 * time.Minute},
		musterv1connect.ScanJobServiceFetchJobProcedure:  jobs,
		musterv1connect.ScanJobServiceUpdateJobProcedure: jobs,

		musterv1connect.InventoryServiceListAssetsProcedure:         people(reader),
		musterv1connect.InventoryServiceGetAssetProcedure:           people(reader),
		musterv1connect.InventoryServiceWhyProcedure:                people(reader),
		musterv1connect.InventoryServiceListSoftwareProcedure:       people(reader),
		musterv1connect.InventoryServiceListChangesProcedure:        people(reader),
		musterv1connect.InventoryServiceListSourcesProcedure:        people(reader),
		musterv1connect.InventoryServiceRevokeSourceProcedure:       people(admin),
		musterv1connect.InventoryServiceCreateScanProcedure:         people(admin),
		musterv1connect.InventoryServiceListScansProcedure:          people(reader),
		musterv1connect.InventoryServiceGetScanProcedure:            people(reader),
		musterv1connect.InventoryServiceCancelScanProcedure:         people(admin),
		musterv1connect.InventoryServicePauseScanProcedure:          people(admin),
		musterv1connect.InventoryServiceResumeScanProcedure:         people(admin),
		musterv1connect.InventoryServicePutScanTemplateProcedure:    people(admin),
		musterv1connect.InventoryServiceListScanTemplatesProcedure:  people(reader),
		musterv1connect.InventoryServiceDeleteScanTemplateProcedure: people(admin),
		musterv1connect.InventoryServicePutScanScheduleProcedure:    people(admin),
		musterv1connect.InventoryServiceListScanSchedulesProcedure:  people(reader),
		musterv1connect.InventoryServiceDeleteScanScheduleProcedure: people(admin),
		musterv1connect.InventoryServiceSetCredentialProcedure:      people(admin),
		musterv1connect.InventoryServiceListCredentialsProcedure:    people(admin),
		musterv1connect.InventoryServiceDeleteCredentialProcedure:   people(admin),
		musterv1connect.InventoryServiceListUnidentifiedProcedure:   people(reader),

		musterv1connect.InventoryServiceAddPinProcedure:       people(admin),
		musterv1connect.InventoryServiceRemovePinProcedure:    people(admin),
		musterv1connect.InventoryServiceListPinsProcedure:     people(reader),
		musterv1connect.InventoryServiceUndoProcedure:         people(admin),
		musterv1connect.InventoryServiceRehearseProcedure:     people(admin),
		musterv1connect.InventoryServiceGetRulesProcedure:     people(reader),
		musterv1connect.InventoryServiceListReviewsProcedure:  people(reader),
		musterv1connect.InventoryServiceFinishReviewProcedure: people(admin),
		musterv1connect.InventoryServiceWhereProcedure:        people(reader),
		musterv1connect.InventoryServiceListPortsProcedure:    people(reader),
		musterv1connect.InventoryServicePathProcedure:         people(reader),
		musterv1connect.InventoryServiceTopologyProcedure:     people(reader),
	}
}

// Page is the policy of a web page for readers; handlers of other routes use it as a
// pattern for theirs.
func Page() Policy {
	return Policy{
		Demand: identity.Demand{Accept: identity.Person, Role: identity.Reader},
		Class:  ClassPeople, MaxBody: bodySmall, Write: 5 * time.Minute, Page: true,
	}
}

// Open is the policy of a page for anyone: the sign-in form, style sheets.
func Open() Policy {
	return Policy{Demand: identity.Demand{Accept: identity.Anyone}, Class: ClassProbe, MaxBody: bodySmall}
}
