package upgrade

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/muster-itam/muster/agent/upgrade/release"
	"github.com/muster-itam/muster/agent/upgrade/versions"
	"github.com/muster-itam/muster/internal/inventory"
)

const (
	fetchTimeout = 15 * time.Minute
	maxAnswer    = 64 << 10
)

// Fetcher looks for an upgrade and installs it.
type Fetcher func(context.Context, release.Request) (release.Result, error)

// FetchWith runs the program at path, muster-agent-upgrade, for each check: what it takes to
// verify signatures and to talk to a repository stays out of the agent.
func FetchWith(path string) Fetcher {
	return func(ctx context.Context, q release.Request) (r release.Result, err error) {
		if err := versions.CheckSafe(path); err != nil {
			return r, fmt.Errorf("program that fetches upgrades: %w", err)
		}
		ask, err := json.Marshal(q)
		if err != nil {
			return r, fmt.Errorf("encode request: %w", err)
		}
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		out, errs := &bounded{limit: maxAnswer}, &bounded{limit: maxReason}
		cmd := exec.CommandContext(ctx, path, "check")
		cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(ask), out, errs, 5*time.Second
		if err := cmd.Run(); err != nil {
			return r, fmt.Errorf("%s: %w: %s", path, err, errs)
		}
		return parseResult(out.Bytes())
	}
}

// bounded keeps the beginning of what is written.
type bounded struct {
	bytes.Buffer
	limit int
}

func (b *bounded) Write(p []byte) (int, error) {
	_, _ = b.Buffer.Write(p[:min(len(p), b.limit-b.Len())]) // never fails
	return len(p), nil
}

// parseResult reads the answer of the fetching program.
func parseResult(text []byte) (r release.Result, err error) {
	if err := json.Unmarshal(text, &r); err != nil {
		return release.Result{}, fmt.Errorf("answer of the program that fetches upgrades: %w", err)
	}
	switch r.Reason = short(r.Reason); r.Outcome {
	case release.OutcomeCurrent, release.OutcomeRefused, release.OutcomeFailed:
		return release.Result{Outcome: r.Outcome, Reason: r.Reason}, nil
	case release.OutcomeInstalled:
		v, err := release.ParseVersion(r.Version)
		if err != nil {
			return release.Result{}, fmt.Errorf("answer of the program that fetches upgrades: %w", err)
		}
		if sum, err := hex.DecodeString(r.SHA256); err != nil || len(sum) != 32 || r.Bytes <= 0 || r.Bytes > release.MaxBytes || v.String() != r.Version {
			return release.Result{}, errors.New("answer of the program that fetches upgrades: version, sha256 or bytes is wrong")
		}
		return r, nil
	}
	return release.Result{}, inventory.Errorf(inventory.CodeInvalid, "answer of the program that fetches upgrades: outcome %.40q", r.Outcome)
}
