package api

import (
	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// SourceServices are the services that agents and scanners call, and what is checked of
// a procedure's body before it is decoded.
func SourceServices(enrolment *Enrolment, reports *Reports, jobs *ScanJobs) (*connect.Server, map[string]func([]byte) error) {
	s := connect.NewServer()
	musterv1connect.RegisterEnrolmentServiceHandler(s, enrolment)
	musterv1connect.RegisterIngestServiceHandler(s, reports)
	musterv1connect.RegisterScanJobServiceHandler(s, jobs)
	return s, map[string]func([]byte) error{musterv1connect.IngestServiceReportProcedure: CheckReport}
}

// PersonServices are the services that persons call.
func PersonServices(inventory *Inventory) *connect.Server {
	s := connect.NewServer()
	musterv1connect.RegisterInventoryServiceHandler(s, inventory)
	return s
}
