package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/internal/wire"
)

// Files of the state folder that belong to enrolment without a person.
const (
	// pendingFile is an enrolment that the service still has to make. Installers leave it there;
	// it holds a token, so it goes as soon as the machine is enrolled.
	pendingFile = "enroll"
	// waitingFile tells "status" what the waiting service last tried. It holds no secret.
	waitingFile = "enrolling.json"
)

// pendingPoll is how often a machine that waits for its enrolment looks for one.
const pendingPoll = 10 * time.Second

// pending is what an enrolment needs, read from a file of lines KEY=VALUE.
type pending struct {
	collector string
	token     inventory.Secret
}

const (
	collectorKey = "MUSTER_COLLECTOR"
	tokenKey     = "MUSTER_ENROLL_TOKEN"
)

// parsePending reads lines KEY=VALUE as in an environment file: blank lines and lines that begin
// with # count for nothing, and one pair of quotes around a value is taken off. Its errors name
// a line and a key, never a value.
func parsePending(text []byte) (pending, error) {
	var c pending
	seen := map[string]bool{}
	number := 0
	for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
		number++
		entry := strings.TrimSpace(string(line))
		if entry == "" || entry[0] == '#' {
			continue
		}
		key, value, ok := strings.Cut(entry, "=")
		key, value = strings.TrimSpace(key), unquote(strings.TrimSpace(value))
		switch {
		case !ok:
			return c, inventory.Errorf(inventory.CodeInvalid, "line %d is not of the form KEY=VALUE", number)
		case seen[key]:
			return c, inventory.Errorf(inventory.CodeInvalid, "line %d: %s is given twice", number, key)
		case key == collectorKey:
			c.collector = value
		case key == tokenKey:
			c.token = inventory.Secret(value)
		default:
			return c, inventory.Errorf(inventory.CodeInvalid, "line %d: there are %s and %s, no other key", number, collectorKey, tokenKey)
		}
		seen[key] = true
	}
	if c.collector == "" || c.token == "" {
		return c, inventory.Errorf(inventory.CodeInvalid, "%s and %s are both needed", collectorKey, tokenKey)
	}
	return c, nil
}

func unquote(value string) string {
	if n := len(value); n >= 2 && value[0] == value[n-1] && (value[0] == '"' || value[0] == '\'') {
		return value[1 : n-1]
	}
	return value
}

// keepPending leaves an enrolment to the service.
func keepPending(stateDir string, c pending) error {
	text := collectorKey + "=" + c.collector + "\n" + tokenKey + "=" + c.token.Reveal() + "\n"
	return wire.WriteFile(filepath.Join(stateDir, pendingFile), []byte(text), 0o600)
}

// waiting is the state of a service that is not enrolled.
type waiting struct {
	TriedAt time.Time `json:"tried_at"`
	Error   string    `json:"error"`
	NextAt  time.Time `json:"next_at"`
}

// readWaiting is nil when nothing was tried.
func readWaiting(stateDir string) *waiting {
	text, err := readFile(filepath.Join(stateDir, waitingFile))
	var w waiting
	if err != nil || json.Unmarshal(text, &w) != nil {
		return nil
	}
	return &w
}

// awaitIdentity returns when the state folder is enrolled, by a person or by what an installer
// left there. It is false when ctx ended first. A machine that is not enrolled is an ordinary
// state, not a failure: a service that ended here would be started again and again.
func (p *program) awaitIdentity(ctx context.Context, set *settings, log *slog.Logger) (bool, error) {
	if _, err := p.findRoute(set); err != nil {
		return false, err
	}
	try := enrolment{program: p, set: set, stateDir: set.stateDir, log: log}
	for {
		_, err := wire.LoadIdentity(set.stateDir)
		if err == nil {
			try.forget()
			return true, nil
		}
		if inventory.CodeOf(err) != inventory.CodeNotFound {
			return false, err
		}
		if try.step(ctx) {
			continue
		}
		t := time.NewTimer(p.poll)
		select {
		case <-ctx.Done():
			t.Stop()
			return false, nil
		case <-t.C:
		}
	}
}

// enrolment is the waiting of one service: what it tried and when it tries again.
type enrolment struct {
	*program
	set      *settings
	stateDir string
	log      *slog.Logger

	backoff wire.Backoff
	tried   string // the file's content and time at the last try
	next    time.Time
	said    bool
}

// step tries an enrolment that is due; it is true after a success.
func (e *enrolment) step(ctx context.Context) bool {
	path := filepath.Join(e.stateDir, pendingFile)
	text, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if !e.said {
			e.log.Warn("not enrolled: waiting for muster-agent enroll", "state_dir", e.stateDir)
			e.said = true
		}
		return false
	}
	if seen := e.version(path, text); seen != e.tried { // a corrected file does not wait
		e.tried, e.next = seen, time.Time{}
		e.backoff.Reset()
	}
	if e.now().Before(e.next) {
		return false
	}
	if err == nil {
		err = e.enroll(ctx, text)
	}
	if err == nil {
		return true
	}
	if ctx.Err() != nil {
		return false
	}
	e.next = e.now().Add(e.backoff.Next(err))
	e.log.Error("enrolment failed", "error", err, "next", e.next.UTC())
	e.note(waiting{TriedAt: e.now().UTC(), Error: err.Error(), NextAt: e.next.UTC()})
	return false
}

func (e *enrolment) version(path string, text []byte) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return info.ModTime().String() + string(text)
}

func (e *enrolment) enroll(ctx context.Context, text []byte) error {
	c, err := parsePending(text)
	if err != nil {
		return err
	}
	id, err := wire.Enroll(ctx, e.enrollConfig(e.set, c))
	if err == nil {
		e.log.Info("enrolled", "id", id.ID, "site", id.Site, "collector", id.Collector)
	}
	return err
}

func (e *enrolment) note(w waiting) {
	text, err := json.Marshal(w)
	if err == nil {
		err = wire.WriteFile(filepath.Join(e.stateDir, waitingFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		e.log.Warn("cannot write the state of the enrolment", "error", err)
	}
}

// forget takes away what enrolment left, the token first of all.
func (e *enrolment) forget() {
	for _, name := range []string{pendingFile, waitingFile} {
		if err := os.Remove(filepath.Join(e.stateDir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			e.log.Error("enrolled, but the enrolment file cannot be removed: remove it by hand", "error", err)
		}
	}
}

func (p *program) enrollConfig(set *settings, c pending) wire.EnrollConfig {
	host, err := p.hostname()
	if err != nil {
		host = "" // only shown to people, and the first report has it
	}
	return wire.EnrollConfig{
		StateDir: set.stateDir, Collector: c.collector, Token: c.token, Kind: inventory.KindAgent, Hostname: host, Version: version,
		Proxy: set.config.Proxy,
	}
}
