package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-itam/muster/agent/upgrade"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

const statusFile = "status.json"

// Status is how the agent is doing: what it knows of itself, and its last look and report.
type Status struct {
	Version     string          `json:"version"`
	Enrolled    bool            `json:"enrolled"`
	ID          string          `json:"id,omitempty"`
	Site        string          `json:"site,omitempty"`
	Collector   string          `json:"collector,omitempty"`
	Certificate *Certificate    `json:"certificate,omitempty"`
	Spool       wire.SpoolState `json:"spool"`
	Upgrade     *upgrade.Status `json:"upgrade,omitempty"` // nil when upgrades are off
	Spent       Spent           `json:"spent"`
	Last        *Last           `json:"last,omitempty"`
}

// Certificate is the life of the agent's certificate.
type Certificate struct {
	NotAfter time.Time `json:"not_after"`
	RenewAt  time.Time `json:"renew_at"`
	Expired  bool      `json:"expired"`
}

// Last is what the agent writes down after each look.
type Last struct {
	LookedAt   time.Time `json:"looked_at"`
	Outcome    string    `json:"outcome"`
	Error      string    `json:"error,omitempty"`
	AcceptedAt time.Time `json:"accepted_at,omitzero"` // last time that the collector accepted a report
	// AcceptedVersion is the agent's version then: a new version has to show that it can report.
	AcceptedVersion string    `json:"accepted_version,omitempty"`
	NextAt          time.Time `json:"next_at,omitzero"`
	// Rekey: the collector saw this agent's key on two machines; this one is to enrol again.
	Rekey    bool            `json:"rekey,omitempty"`
	Sections []SectionStatus `json:"sections"`
}

// The outcomes of a report.
const (
	OutcomeAccepted = "accepted"
	OutcomeRefused  = "refused" // the collector answered, but did not take it
	OutcomeWaiting  = "waiting" // in the spool
	OutcomeFailed   = "failed"  // not even that
)

// SectionStatus is how the look at a section went and what it cost.
type SectionStatus struct {
	Name    inventory.SectionName `json:"name"`
	Status  inventory.Status      `json:"status"`
	Reason  string                `json:"reason,omitempty"`
	Items   int                   `json:"items"`
	TookMS  float64               `json:"took_ms"`
	Sources []Reading             `json:"sources"`
}

// ReadStatus gathers the status of the agent in a state folder; it needs no running agent.
func ReadStatus(stateDir, version string, now time.Time) (Status, error) {
	s := Status{Version: version}
	id, err := wire.LoadIdentity(stateDir)
	switch {
	case err == nil:
		s.Enrolled, s.ID, s.Site, s.Collector = true, id.ID, id.Site, id.Collector
		s.Certificate = &Certificate{NotAfter: id.NotAfter, RenewAt: id.RenewAt(), Expired: now.After(id.NotAfter)}
	case inventory.CodeOf(err) != inventory.CodeNotFound:
		return s, err
	}
	if s.Spool, err = wire.ReadSpool(stateDir); err != nil {
		return s, err
	}
	memory, err := readDiary(stateDir)
	if err != nil {
		return s, err
	}
	s.Spent = memory.Spent
	s.Last, err = readLast(stateDir)
	return s, err
}

// readLast is nil when the agent has not looked yet.
func readLast(stateDir string) (*Last, error) {
	text, err := os.ReadFile(filepath.Join(stateDir, statusFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	var last Last
	if err := json.Unmarshal(text, &last); err != nil {
		return nil, fmt.Errorf("read status %s: %w", statusFile, err)
	}
	return &last, nil
}

func writeLast(stateDir string, last Last) error {
	text, err := json.MarshalIndent(last, "", "  ")
	if err != nil {
		return fmt.Errorf("encode status: %w", err)
	}
	return wire.WriteFile(filepath.Join(stateDir, statusFile), append(text, '\n'), 0o600)
}

// sectionStatuses sets the readings of the sources beside the sections they became.
func sectionStatuses(o inventory.Observation, readings []Reading) []SectionStatus {
	var out []SectionStatus
	for _, s := range o.Sections {
		if s.Name == inventory.SectionReadings { // what follows is that
			continue
		}
		status := SectionStatus{
			Name: s.Name, Status: s.Status, Reason: s.Reason,
			TookMS: milliseconds(s.Took),
		}
		if s.Body != nil {
			status.Items = s.Body.Len()
		}
		for _, r := range readings {
			if r.Section == s.Name {
				status.Sources = append(status.Sources, r)
			}
		}
		out = append(out, status)
	}
	return out
}
