package query

import (
	"errors"
	"slices"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// certificateField compares the last days of the certificates that an asset shows at its ports: one
// that fits is enough. An age is how long a certificate is still good for: certificate_until<30d is
// fewer than 30 days, or over already; certificate_until:30d is not over yet.
func certificateField(p *parser, op string, val operand) (condition, error) {
	fits := func(time.Time) bool { return true }
	if from, to, ok := inventory.ParseDate(val.text, p.now); ok {
		fits = orderedBy(op, func(until time.Time) int { return compareSpan(until, from, to) })
	} else if left, err := inventory.ParseAge(val.text); err == nil {
		end := p.now.Add(left)
		fits = orderedBy(op, func(until time.Time) int { return until.Compare(end) })
		if op == ":" {
			over := p.now.AddDate(0, 0, -1) // the last day itself is not over
			fits = func(until time.Time) bool { return until.After(over) && !until.After(end) }
		}
	} else if val.text != "*" || op != ":" {
		return nil, errors.New("expected a date such as 2026-12-31, or a time from now such as 30d")
	}
	p.filter.certificates = true
	found := func(s *subject) bool { return slices.ContainsFunc(s.certificates[s.ID], fits) }
	if op == "!=" {
		return func(s *subject) bool { return len(s.certificates[s.ID]) > 0 && !found(s) }, nil
	}
	return found, nil
}
