package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-itam/muster/collector/store"
	"github.com/muster-itam/muster/internal/inventory"
)

// compare counts what is stored against what was acknowledged, exactly: every report
// once, every package of every agent's last list and no other.
func compare(ctx context.Context, o options, agents []*agent) (err error) {
	st, err := store.Open(ctx, o.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	byName := map[string]*agent{}
	byID := map[string]*agent{}
	reports := int64(0)
	for _, a := range agents {
		byID[a.id] = a
		byName[fmt.Sprintf("host%06d", a.n)] = a
		reports += a.acked
	}
	sources, err := st.Sources(ctx)
	if err != nil {
		return err
	}
	wrong := 0
	for _, s := range sources {
		if a := byID[s.Name]; a != nil && s.Observations != a.acked {
			wrong++
			fmt.Printf("agent %d: %d reports acknowledged, %d stored\n", a.n, a.acked, s.Observations)
		}
	}
	stored := int64(0)
	if err := st.Memberships(ctx, func(store.Membership) error { stored++; return nil }); err != nil {
		return err
	}
	installs, assets := 0, 0
	var ids []inventory.AssetID
	if err := st.Assets(ctx, store.When{}, func(a inventory.Asset) error {
		ids = append(ids, a.ID)
		return nil
	}); err != nil {
		return err
	}
	for _, id := range ids {
		d, err := st.Asset(ctx, id, store.When{})
		if err != nil {
			return err
		}
		a := byName[d.Name]
		if a == nil || len(d.Records) != 1 {
			return fmt.Errorf("asset %s %q is of no agent, or of several", id, d.Name)
		}
		assets++
		installs += len(d.Records[0].Software)
		if !maps.Equal(counts(a.software), counts(d.Records[0].Software)) {
			wrong++
			fmt.Printf("agent %d: its packages differ from those stored\n", a.n)
		}
	}
	if stored != reports || assets != len(agents) || wrong > 0 {
		return fmt.Errorf("NOT EXACT: %d reports acknowledged and %d stored, %d agents and %d assets, %d differences", reports, stored, len(agents), assets, wrong)
	}
	fmt.Printf("exact: %d reports acknowledged and stored, %d agents are %d assets with %d packages\n", reports, len(agents), assets, installs)
	return nil
}

func counts(list inventory.SoftwareList) map[string]int {
	out := make(map[string]int, len(list))
	for _, s := range list {
		out[s.Name+" "+s.Version] = 1
	}
	return out
}

// ofHosts are the tables that a first report fills, by the column that says whose the rows are.
var ofHosts = map[string]string{
	"observation": "record_id", "record": "id", "section": "record_id", "fact": "record_id", "software": "record_id",
	"claim": "record_id", "member": "record_id", "asset": "id", "source": "id",
}

// rawLimit writes the rows that the inventory holds into an empty one, as fast as the
// engine goes: from table to table, without a client in between, with the same indexes,
// durability and hosts a transaction.
func rawLimit(ctx context.Context, o options, first float64) error {
	var rate float64
	var err error
	if file, ok := strings.CutPrefix(o.store, "sqlite:"); ok {
		rate, err = rawSQLite(ctx, o, file)
	} else {
		rate, err = rawCopy(ctx, o)
	}
	if err != nil {
		return fmt.Errorf("raw limit: %w", err)
	}
	fmt.Printf("raw limit    %6.0f hosts/s for the same rows; first reports reach %.0f%% of it\n", rate, 100*first/rate)
	return nil
}

const rawGroup = 256 // hosts in one transaction, as in ingest

func rawSQLite(ctx context.Context, o options, file string) (rate float64, err error) {
	empty := filepath.Join(o.dir, "raw.db")
	st, err := store.Open(ctx, "sqlite:"+empty)
	if err != nil {
		return 0, err
	}
	if err := st.Close(); err != nil {
		return 0, err
	}
	db, err := sql.Open("sqlite3", "file:"+empty+"?_journal_mode=WAL&_synchronous=FULL&_cache_size=-65536&_txlock=immediate") // the store's driver
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close(), os.Remove(empty)) }()
	db.SetMaxOpenConns(1)
	if _, err := db.ExecContext(ctx, `attach database $1 as full_`, file); err != nil {
		return 0, err
	}
	if _, err := db.ExecContext(ctx, `insert into title select * from full_.title`); err != nil {
		return 0, err
	}
	var last int64
	if err := db.QueryRowContext(ctx, `select max(id) from full_.record`).Scan(&last); err != nil {
		return 0, err
	}
	begun := time.Now()
	for from := int64(1); from <= last; from += rawGroup {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		for _, table := range []string{"source", "record", "observation", "section", "fact", "software", "claim", "member", "asset"} {
			more := ""
			switch table {
			case "observation":
				more = " and changes = '*'" // of the first report
			}
			if _, err := tx.ExecContext(ctx, `insert into `+table+` select * from full_.`+table+` where `+ofHosts[table]+` between $1 and $2`+more, from, from+rawGroup-1); err != nil {
				return 0, errors.Join(fmt.Errorf("%s: %w", table, err), tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return 0, err
		}
	}
	return float64(o.agents) / time.Since(begun).Seconds(), nil
}

// rawCopy is rawLimit by PostgreSQL's COPY, with its own client, into tables made alike.
func rawCopy(ctx context.Context, o options) (float64, error) {
	var script strings.Builder
	script.WriteString("\\set ON_ERROR_STOP on\ncreate schema raw_;\n")
	var in strings.Builder
	for table := range ofHosts {
		file := filepath.Join(o.dir, table+".copy")
		query := "select * from " + table
		switch table {
		case "observation":
			query += " where changes = '*'"
		}
		fmt.Fprintf(&script, "create table raw_.%s (like public.%s including all);\n\\copy (%s) to '%s'\n", table, table, query, file)
		fmt.Fprintf(&in, "\\copy raw_.%s from '%s'\n", table, file)
	}
	if err := psql(ctx, o.store, script.String()); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := psql(ctx, o.store, "\\set ON_ERROR_STOP on\n"+in.String()); err != nil {
		return 0, err
	}
	rate := float64(o.agents) / time.Since(begun).Seconds()
	return rate, psql(ctx, o.store, "drop schema raw_ cascade;\n")
}

func psql(ctx context.Context, dsn, script string) error {
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-d", dsn)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}
