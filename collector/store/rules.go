package store

import (
	"context"
	"sync"
	"time"

	"github.com/muster-itam/muster/collector/reconcile"
)

// RuleSet is rules as they were entered.
type RuleSet struct {
	ID             int64
	Text, Why, Who string
	At, Done       time.Time
}

// ruleCache keeps the rules in force, parsed.
type ruleCache struct {
	mu    sync.Mutex
	id    int64
	rules reconcile.Rules
}

func (c *ruleCache) inForce(ctx context.Context, q queryer) (reconcile.Rules, error) {
	set, err := newestRules(ctx, q, `select coalesce(max(id), 0), '', '', '', 0, 0 from rule_set`)
	if err != nil || set.ID == 0 {
		return reconcile.Rules{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.id == set.ID {
		return c.rules, nil
	}
	if set, err = newestRules(ctx, q, `select `+ruleColumns+` from rule_set order by id desc limit 1`); err != nil {
		return reconcile.Rules{}, err
	}
	rules, err := reconcile.ParseRules([]byte(set.Text))
	if err != nil {
		return reconcile.Rules{}, err
	}
	c.id, c.rules = set.ID, rules
	return rules, nil
}

const ruleColumns = `id, text, why, who, at, done_at`

// newestRules reads one row of rules; none is the zero RuleSet.
func newestRules(ctx context.Context, q queryer, query string) (RuleSet, error) {
	rows, err := q.query(ctx, query)
	if err != nil {
		return RuleSet{}, err
	}
	defer func() { _ = rows.Close() }()
	var r RuleSet
	if rows.Next() {
		var at, done int64
		if err := rows.Scan(&r.ID, &r.Text, &r.Why, &r.Who, &at, &done); err != nil {
			return r, err
		}
		r.At, r.Done = fromMillis(at), fromMillis(done)
	}
	return r, rows.Err()
}

func (v view) rules(ctx context.Context) (reconcile.Rules, error) { return v.s.rules.inForce(ctx, v) }
