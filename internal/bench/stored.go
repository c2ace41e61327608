package main

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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
	"plain": "record_id", "claim": "record_id", "member": "record_id", "asset": "id", "source": "id",
}

// rawLimit writes the rows that the inventory holds into an empty one, as fast as the
// engine goes: from table to table, without a client in between, with the same indexes,
// durability and hosts a transaction. It does so twice: the rows as they are, and with a row for
// each installed package and an index by title in place of packed lists.
//
// Where other work is on the machine the rates say little. The engine writes on one processor,
// a report has them all: by what both cost, first reports could come at so much of the limit.
func rawLimit(ctx context.Context, o options, agents []*agent, first float64, cost time.Duration) error {
	for _, plain := range []bool{false, true} {
		var rate float64
		var err error
		var used usage
		if file, ok := strings.CutPrefix(o.store, "sqlite:"); ok {
			rate, err = rawSQLite(ctx, o, file, agents, plain, &used)
		} else {
			rate, err = rawCopy(ctx, o, agents, plain)
		}
		if err != nil {
			return fmt.Errorf("raw limit: %w", err)
		}
		what := map[bool]string{false: "for the same rows", true: "with a row for each package"}[plain]
		fmt.Printf("raw limit    %6.0f hosts/s %s; first reports reach %.0f%% of it", rate, what, 100*first/rate)
		if strings.HasPrefix(o.store, "sqlite:") {
			each := used.cpu / time.Duration(len(agents))
			fmt.Printf("; %d µs of CPU each, %.0f%% by CPU on %d", each.Microseconds(), 100*float64(each)*float64(runtime.NumCPU())/float64(cost), runtime.NumCPU())
		}
		fmt.Println()
	}
	return nil
}

// plainTable is what a packed list stands for.
const plainTable = `create table %s (record_id bigint not null, title_id bigint not null, from_obs bigint not null, to_obs bigint,
	day text, bytes bigint, path text, primary key (record_id, title_id, from_obs))%s; create index %s on %s (title_id, record_id);`

// plainRows calls fn for each package of each agent.
func plainRows(agents []*agent, fn func(record, title int64) error) error {
	titles := map[string]int64{}
	for n, a := range agents {
		for _, s := range a.software {
			k := s.Name + " " + s.Version
			if titles[k] == 0 {
				titles[k] = int64(len(titles) + 1)
			}
			if err := fn(int64(n+1), titles[k]); err != nil {
				return err
			}
		}
	}
	return nil
}

const rawGroup = 256 // hosts in one transaction, as in ingest

func rawSQLite(ctx context.Context, o options, file string, agents []*agent, plain bool, used *usage) (rate float64, err error) {
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
	if plain {
		if err := plainSQLite(ctx, db, agents); err != nil {
			return 0, err
		}
	}
	begun := time.Now()
	before, err := usageOfProcess(os.Getpid())
	if err != nil {
		return 0, err
	}
	for from := int64(1); from <= last; from += rawGroup {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return 0, err
		}
		for _, table := range []string{"source", "record", "observation", "section", "fact", "software", "claim", "member", "asset"} {
			more, source := "", "full_."
			switch {
			case table == "observation":
				more = " and changes = '*'" // of the first report
			case table == "software" && plain:
				table, source = "plain", "temp.source_"
			}
			if _, err := tx.ExecContext(ctx, `insert into `+table+` select * from `+source+table+` where `+ofHosts[table]+` between $1 and $2`+more, from, from+rawGroup-1); err != nil {
				return 0, errors.Join(fmt.Errorf("%s: %w", table, err), tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return 0, err
		}
	}
	took := time.Since(begun)
	after, err := usageOfProcess(os.Getpid())
	used.cpu = after.cpu - before.cpu
	return float64(o.agents) / took.Seconds(), err
}

// plainSQLite makes the rows of packages and the table that they go to.
func plainSQLite(ctx context.Context, db *sql.DB, agents []*agent) error {
	if _, err := db.ExecContext(ctx, fmt.Sprintf(plainTable, "plain", " without rowid", "plain_title", "plain")+`
		create temp table source_plain (record_id bigint, title_id bigint, from_obs bigint, to_obs bigint, day text, bytes bigint, path text, primary key (record_id, title_id)) without rowid`); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := plainRows(agents, func(record, title int64) error {
		_, err := tx.ExecContext(ctx, `insert into temp.source_plain (record_id, title_id, from_obs) values ($1, $2, $1) on conflict do nothing`, record, title)
		return err
	}); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// rawCopy is rawLimit by PostgreSQL's COPY, with its own client, into tables made alike.
func rawCopy(ctx context.Context, o options, agents []*agent, plain bool) (float64, error) {
	var script, in strings.Builder
	script.WriteString("\\set ON_ERROR_STOP on\ncreate schema raw_;\n")
	for table := range ofHosts {
		file := filepath.Join(o.dir, table+".copy")
		switch {
		case table == "plain" && plain:
			if err := plainFile(file, agents); err != nil {
				return 0, err
			}
			fmt.Fprintf(&script, plainTable+"\n", "raw_.plain", "", "plain_title", "raw_.plain")
		case table == "plain", table == "software" && plain:
			continue
		default:
			query := "select * from " + table
			if table == "observation" {
				query += " where changes = '*'"
			}
			fmt.Fprintf(&script, "create table raw_.%s (like public.%s including all);\n\\copy (%s) to '%s'\n", table, table, query, file)
		}
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

// plainFile writes the rows of packages as COPY reads them.
func plainFile(file string, agents []*agent) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	seen := map[[2]int64]bool{}
	err = plainRows(agents, func(record, title int64) error {
		if seen[[2]int64{record, title}] {
			return nil
		}
		seen[[2]int64{record, title}] = true
		_, err := fmt.Fprintf(w, "%d\t%d\t%d\t\\N\t\\N\t\\N\t\\N\n", record, title, record)
		return err
	})
	return errors.Join(err, w.Flush(), f.Close())
}

func psql(ctx context.Context, dsn, script string) error {
	cmd := exec.CommandContext(ctx, "psql", "-X", "-q", "-d", dsn)
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("psql: %w: %s", err, out)
	}
	return nil
}
