package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// Verdict is what a check came to.
type Verdict string

// The verdicts. What fails keeps reports from arriving; a warning makes them less than they could be.
const (
	VerdictOK   Verdict = "ok"
	VerdictWarn Verdict = "warn"
	VerdictFail Verdict = "fail"
)

// Check is one thing that the doctor looked at.
type Check struct {
	Name    string  `json:"check"`
	Verdict Verdict `json:"verdict"`
	Detail  string  `json:"detail"`
	Fix     string  `json:"fix,omitempty"` // what to do about it
}

// Doctor finds out why reports do not arrive, or are not whole. It changes nothing.
type Doctor struct {
	Config   Config
	StateDir string
	// Collector is asked when the machine is not enrolled; "" for none.
	Collector string
	// Route says in words which proxy leads to a collector; Script is that of a proxy
	// auto-configuration, which is not run.
	Route   func(collector string) string
	Script  string
	Sources []source.Source
	Now     func() time.Time
	Log     *slog.Logger
}

// Examine makes all checks, in the order in which trouble should be looked for.
func (d Doctor) Examine(ctx context.Context) []Check {
	status, err := ReadStatus(d.StateDir, "", d.Now())
	checks := []Check{d.identity(status, err)}
	if status.Enrolled {
		checks = append(checks, d.certificate(*status.Certificate))
	}
	checks = append(checks, d.stateFolder()...)
	collector := d.Collector
	if status.Enrolled {
		collector = status.Collector
	}
	if collector == "" {
		checks = append(checks, Check{"collector", VerdictWarn, "not known", "enrol, or name it with --collector https://HOST:PORT"})
	} else {
		checks = append(checks, d.network(ctx, collector, status.Enrolled)...)
	}
	if status.Enrolled {
		checks = append(checks, d.reports(status), d.spool(status.Spool), d.schedule(status))
	}
	checks = append(checks, d.budget())
	return append(checks, d.sources(ctx, status.ID)...)
}

func (d Doctor) identity(s Status, err error) Check {
	c := Check{Name: "identity", Verdict: VerdictOK}
	switch {
	case err != nil:
		c.Verdict, c.Detail, c.Fix = VerdictFail, err.Error(), "run as root or as the agent's user; if the file is damaged, enrol again with --force"
	case !s.Enrolled:
		c.Verdict, c.Detail, c.Fix = VerdictWarn, "this machine is not enrolled", "muster-agent enroll --collector https://HOST:PORT --token-file FILE"
	case s.Last != nil && s.Last.Rekey:
		c.Verdict, c.Detail = VerdictFail, "the collector saw the key of "+s.ID+" on two machines: a disk was copied, or restored from an older backup"
		c.Fix = "on the copy: muster-agent enroll --force with a new token; on the original nothing but \"muster-collector source unflag\""
	default:
		c.Detail = fmt.Sprintf("%s, site %s, collector %s", s.ID, s.Site, s.Collector)
	}
	return c
}

// renewable is how long after its end a certificate can still be renewed.
const renewable = 180 * 24 * time.Hour

func (d Doctor) certificate(cert Certificate) Check {
	c := Check{Name: "certificate", Verdict: VerdictOK, Detail: "until " + cert.NotAfter.Format(time.DateOnly)}
	switch now := d.Now(); {
	case now.After(cert.NotAfter.Add(renewable)):
		c.Verdict, c.Detail, c.Fix = VerdictFail, c.Detail+": too long ago to be renewed", "enrol again with --force and a new token"
	case cert.Expired:
		c.Verdict, c.Detail = VerdictWarn, c.Detail+": expired, and renewed with the next contact"
		c.Fix = "see to it that the agent runs and reaches its collector; if this machine's clock is wrong, set it"
	case now.After(cert.RenewAt.Add(48 * time.Hour)):
		c.Verdict, c.Detail = VerdictWarn, c.Detail+": due for renewal since "+cert.RenewAt.Format(time.DateOnly)
		c.Fix = "see to it that the agent runs and reaches its collector"
	}
	return c
}

// lowSpace is what the spool, the identity and their replacements need at the very least.
const lowSpace = 16 << 20

func (d Doctor) stateFolder() []Check {
	rights := Check{Name: "state folder", Verdict: VerdictOK, Detail: d.StateDir}
	if _, err := os.Stat(d.StateDir); os.IsNotExist(err) {
		rights.Verdict, rights.Detail, rights.Fix = VerdictWarn, d.StateDir+" is not there yet", "enrolment makes it"
		return []Check{rights}
	}
	if err := wire.CheckState(d.StateDir); err != nil {
		rights.Verdict, rights.Detail = VerdictFail, err.Error()
		rights.Fix = "only root and the agent's user may read and change it; run this as one of them"
	} else if err := tryWrite(d.StateDir); err != nil {
		rights.Verdict, rights.Detail, rights.Fix = VerdictFail, err.Error(), "run as the agent's user; look for a full or read-only disk"
	}
	space := Check{Name: "disk space", Verdict: VerdictOK}
	free, err := wire.FreeBytes(d.StateDir)
	switch space.Detail = fmt.Sprintf("%d MiB free", free>>20); {
	case err != nil:
		space.Verdict, space.Detail, space.Fix = VerdictWarn, err.Error(), "look for a disk that does not answer"
	case free < lowSpace:
		space.Verdict, space.Fix = VerdictWarn, "free some: reports that cannot be sent are lost with a restart, and certificates cannot be renewed"
	}
	return []Check{rights, space}
}

func tryWrite(dir string) error {
	path := filepath.Join(dir, ".doctor")
	if err := wire.WriteFile(path, []byte("ok\n"), 0o600); err != nil {
		return err
	}
	return os.Remove(path)
}

func (d Doctor) reports(s Status) Check {
	c := Check{Name: "reports", Verdict: VerdictOK}
	running := wire.InUse(d.StateDir)
	late := 2*maxHold + maxInterval
	switch {
	case s.Last == nil:
		c.Verdict, c.Detail, c.Fix = VerdictWarn, "none yet", "start the service, or try muster-agent report --once"
	case s.Last.AcceptedAt.IsZero():
		c.Verdict, c.Detail, c.Fix = VerdictFail, "none was ever accepted: "+s.Last.Error, "see the checks of the connection above"
	case d.Now().Sub(s.Last.AcceptedAt) > late:
		c.Verdict, c.Detail = VerdictFail, "none accepted since "+s.Last.AcceptedAt.Format(time.RFC3339)+": "+s.Last.Error
		c.Fix = "see the checks of the connection above, and whether the service runs"
	case s.Last.Outcome == OutcomeRefused:
		c.Verdict, c.Detail, c.Fix = VerdictFail, "the last one was refused: "+s.Last.Error, "\"skip\" the section that is named and tell us"
	case s.Last.Outcome != OutcomeAccepted:
		c.Verdict, c.Detail, c.Fix = VerdictWarn, "the last one "+s.Last.Outcome+": "+s.Last.Error, "see the checks of the connection above"
	default:
		c.Detail = "last accepted " + s.Last.AcceptedAt.Format(time.RFC3339)
	}
	if !running && c.Verdict == VerdictOK {
		c.Verdict, c.Detail, c.Fix = VerdictWarn, c.Detail+"; no agent is running", "start the service"
	}
	return c
}

func (d Doctor) spool(s wire.SpoolState) Check {
	c := Check{Name: "spool", Verdict: VerdictOK, Detail: "nothing waits"}
	if s.Records > 0 {
		c.Detail = fmt.Sprintf("%d records wait, %d KiB", s.Records, s.Bytes>>10)
	}
	if s.Records > 1 {
		c.Verdict, c.Fix = VerdictWarn, "they go out with the next contact: see the checks of the connection"
	}
	if s.Damaged > 0 {
		c.Verdict, c.Detail = VerdictWarn, fmt.Sprintf("%s; %d damaged ones were set aside", c.Detail, s.Damaged)
		c.Fix = "check the disk and the memory of this machine; everything was sent in full again, and the files may be deleted"
	}
	return c
}

func (d Doctor) schedule(s Status) Check {
	c := Check{Name: "schedule", Verdict: VerdictOK, Detail: "as the collector asks"}
	if d.Config.Interval > 0 {
		c.Detail = "every " + d.Config.Interval.String()
	}
	if s.Last == nil {
		return c
	}
	if !s.Last.NextAt.IsZero() {
		c.Detail += ", next " + s.Last.NextAt.UTC().Format(time.RFC3339)
	}
	if why := d.Config.Thrift.hold(conditions(), s.Last.AcceptedAt, d.Now()); why != "" {
		c.Detail += fmt.Sprintf("; waits %s, until %s at most", why, s.Last.AcceptedAt.Add(maxHold).UTC().Format(time.RFC3339))
	}
	return c
}

func (d Doctor) budget() Check {
	c := Check{Name: "budget", Verdict: VerdictOK}
	before, err := readDiary(d.StateDir)
	if err != nil {
		return Check{"budget", VerdictWarn, err.Error(), "run as root or as the agent's user"}
	}
	l := newLedger(d.Config.Budget, before.Spent)
	l.cpuSeen = l.cpu() // this process is not the agent
	l.tally(d.Now())
	c.Detail = fmt.Sprintf("today %.1f s of CPU, %d KiB of traffic", l.CPU.Seconds(), l.Traffic>>10)
	if reason := l.refuse(worthDetail); reason != "" {
		c.Verdict, c.Detail = VerdictWarn, c.Detail+"; some is "+reason
		c.Fix = "raise \"budget\" in the configuration, report less often, or deny what costs most (muster-agent status)"
	}
	return c
}

// sources looks at the machine as the agent would, under the rights of who asks.
func (d Doctor) sources(ctx context.Context, agentID string) []Check {
	eyes := NewEyes(d.Config, d.StateDir, d.Sources, d.Now, d.Log)
	_, readings, err := eyes.Look(ctx, agentID)
	if err != nil {
		return []Check{{"sources", VerdictFail, err.Error(), "try again"}}
	}
	counts := map[inventory.Status]int{}
	var out []Check
	off := 0
	for _, r := range readings {
		counts[r.Status]++
		if r.Reason == switchedOff {
			off++
		}
		if r.Status != inventory.StatusPartial && r.Status != inventory.StatusFailed {
			continue
		}
		c := Check{Name: fmt.Sprintf("source %s (%s)", r.Source, r.Section), Verdict: VerdictWarn, Detail: string(r.Status) + ": " + r.Reason}
		c.Fix = "if the reason above is not expected on this machine, skip the section or tell us"
		if os.Geteuid() > 0 && mentionsRights(r.Reason) {
			c.Fix = "give the agent the right to read it (root, or CAP_DAC_READ_SEARCH), or run this check as the agent's user"
		}
		out = append(out, c)
	}
	summary := Check{Name: "sources", Verdict: VerdictOK, Detail: fmt.Sprintf("%d read, %d partial, %d failed, %d have nothing to read here, %d switched off",
		counts[inventory.StatusOK], counts[inventory.StatusPartial], counts[inventory.StatusFailed], counts[inventory.StatusUnsupported]-off, off)}
	return append([]Check{summary}, out...)
}

func mentionsRights(reason string) bool {
	reason = strings.ToLower(reason)
	for _, word := range []string{"permission", "denied", "root", "rights", "cap_"} {
		if strings.Contains(reason, word) {
			return true
		}
	}
	return false
}
