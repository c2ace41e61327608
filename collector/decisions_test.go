package collector_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"

	"github.com/muster-itam/muster/collector/identity"
	"github.com/muster-itam/muster/internal/inventory"
	musterv1 "github.com/muster-itam/muster/proto/muster/v1"
	"github.com/muster-itam/muster/proto/muster/v1/musterv1connect"
)

// told is how assets came to be what they are: events as text.
func told(events []*musterv1.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, e.GetKind()+" "+e.GetFrom()+">"+e.GetTo())
	}
	return strings.Join(out, ", ")
}

func (r *rig) pin(a, b, kind string) (*musterv1.AddPinResponse, error) {
	return r.people().AddPin(r.t.Context(), &musterv1.AddPinRequest{A: a, B: b, Kind: kind, Why: "because"})
}

// verify fails the test unless the stored decision is the one a rebuild makes.
func (r *rig) verify() {
	r.t.Helper()
	v, err := r.Store.VerifyDecision(r.t.Context())
	if err != nil || !v.Good() {
		r.t.Fatalf("verify: %+v, %v", v, err)
	}
}

func (r *rig) assets() string {
	r.t.Helper()
	res, err := r.people().ListAssets(r.t.Context(), &musterv1.ListAssetsRequest{})
	if err != nil {
		r.t.Fatal(err)
	}
	r.verify()
	return idsOf(res.GetAssets())
}

func TestPins(t *testing.T) {
	r := start(t)
	e := newEstate(r) // a2 is an agent's r2 and a scanner's r3
	p := r.people()
	if got := r.assets(); got != "a1 a2 a4 a5" {
		t.Fatalf("assets: %s", got)
	}
	split, err := r.pin("r3", "a2", "different")
	if err != nil {
		t.Fatal(err)
	}
	if got := told(split.GetEvents()); got != "split a2>a3" || split.GetPin().GetId() != "p1" || r.assets() != "a1 a2 a3 a4 a5" {
		t.Errorf("different: %s, %v", got, split.GetPin())
	}
	// It holds against evidence that comes later.
	r.clock.Add(48 * time.Hour)
	e.send(r, e.web, "", web1(), debian("12"), nics("ens18", "bc:24:11:0a:0b:0c", "10.77.1.5/24"))
	e.send(r, e.scanner, "bc:24:11:0a:0b:0c", &inventory.Device{Name: "web1", Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: "bc:24:11:0a:0b:0c"}}},
		nics("", "bc:24:11:0a:0b:0c", "10.77.1.5/24"))
	if got := r.assets(); got != "a1 a2 a3 a4 a5" {
		t.Errorf("after reports: %s", got)
	}
	why, err := p.Why(t.Context(), &musterv1.WhyRequest{Id: "a2", Other: "a3"})
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Join(why.GetText(), "\n")
	if !strings.Contains(text, "a person said that they are different") || !strings.Contains(text, "MAC address bc:24:11:0a:0b:0c") ||
		len(why.GetVetoes()) != 1 || len(why.GetShared()) == 0 || why.GetOther().GetId() != "a3" || why.GetPins()[0].GetId() != "p1" {
		t.Errorf("why two:\n%s\n%v", text, why)
	}
	// What contradicts is refused and says what it contradicts, also by way of others.
	if _, err := r.pin("a2", "a3", "same"); err == nil || !strings.Contains(err.Error(), "p1 (r3 is different from a2") {
		t.Errorf("a contradiction: %v", err)
	}
	one, err := r.pin("a1", "a3", "same")
	if err != nil || told(one.GetEvents()) != "merged a3>a1" || r.assets() != "a1 a2 a4 a5" {
		t.Fatalf("same: %v, %v", one, err)
	}
	if _, err := r.pin("a1", "a2", "same"); err == nil || !strings.Contains(err.Error(), "p1") || !strings.Contains(err.Error(), "p2") {
		t.Errorf("a contradiction by way of a third: %v", err)
	}
	if _, err := r.pin("a1", "a3", "same"); err == nil || !strings.Contains(err.Error(), "said before") {
		t.Errorf("twice: %v", err)
	}
	why, err = p.Why(t.Context(), &musterv1.WhyRequest{Id: "a1", Other: "r3"})
	if err != nil || !strings.Contains(strings.Join(why.GetText(), "\n"), "because a person said so") {
		t.Errorf("why one: %v, %v", why.GetText(), err)
	}
	// The end of a pin leaves the matter to evidence.
	res, err := p.RemovePin(t.Context(), &musterv1.RemovePinRequest{Id: "p2", Why: "was wrong"})
	if err != nil || told(res.GetEvents()) != "split a1>a3" {
		t.Errorf("unpin p2: %v, %v", told(res.GetEvents()), err)
	}
	res, err = p.RemovePin(t.Context(), &musterv1.RemovePinRequest{Id: "p1", Why: "was wrong"})
	if err != nil || told(res.GetEvents()) != "merged a3>a2" || r.assets() != "a1 a2 a4 a5" {
		t.Errorf("unpin p1: %v, %v", told(res.GetEvents()), err)
	}
	if _, err := p.RemovePin(t.Context(), &musterv1.RemovePinRequest{Id: "p1", Why: "again"}); err == nil {
		t.Error("a pin ended twice")
	}
	pins, err := p.ListPins(t.Context(), &musterv1.ListPinsRequest{All: true})
	if err != nil || len(pins.GetPins()) != 2 || pins.GetPins()[1].GetEndedWhy() != "was wrong" || pins.GetPins()[1].GetWho() != "person:admin" {
		t.Errorf("pins: %v, %v", pins, err)
	}
	audit := strings.Join(r.rows(`select action || ' ' || target || ' ' || actor from audit where target like 'pin:%' order by id`), "\n")
	if audit != "pin entered pin:p1 person:admin\npin entered pin:p2 person:admin\npin ended pin:p2 person:admin\npin ended pin:p1 person:admin" {
		t.Errorf("audit:\n%s", audit)
	}
}

// A reader asks and decides nothing; a decision needs a reason and things that exist.
func TestWhoMayDecide(t *testing.T) {
	r := start(t)
	newEstate(r)
	text, access, err := identity.NewAccess("rea", identity.Reader, time.Hour, r.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Store.AddAccess(t.Context(), access, "test"); err != nil {
		t.Fatal(err)
	}
	c := r.client()
	c.Transport = bearer{text.Reveal(), c.Transport}
	reader := musterv1connect.NewInventoryServiceClient(r.rpc(c))
	p := r.people()
	pin := func(c musterv1connect.InventoryServiceClient, a, b, kind, why string) error {
		_, err := c.AddPin(t.Context(), &musterv1.AddPinRequest{A: a, B: b, Kind: kind, Why: why})
		return err
	}
	undo := func(c musterv1connect.InventoryServiceClient, id string) error {
		_, err := c.Undo(t.Context(), &musterv1.UndoRequest{Event: id, Why: "x"})
		return err
	}
	rehearse := func(c musterv1connect.InventoryServiceClient, rules string, commit bool) error {
		_, err := c.Rehearse(t.Context(), &musterv1.RehearseRequest{Rules: rules, Commit: commit})
		return err
	}
	for name, c := range map[string]struct {
		err  error
		want connect.Code
	}{
		"reader pins":        {pin(reader, "a1", "a2", "same", "x"), connect.CodePermissionDenied},
		"reader undoes":      {undo(reader, "e1"), connect.CodePermissionDenied},
		"reader rehearses":   {rehearse(reader, "", false), connect.CodePermissionDenied},
		"no reason":          {pin(p, "a1", "a2", "same", " "), connect.CodeInvalidArgument},
		"kind":               {pin(p, "a1", "a2", "equal", "x"), connect.CodeInvalidArgument},
		"one thing":          {pin(p, "a1", "r1", "same", "x"), connect.CodeInvalidArgument},
		"one asset":          {pin(p, "a2", "a2", "different", "x"), connect.CodeInvalidArgument},
		"nothing there":      {pin(p, "a1", "a99", "same", "x"), connect.CodeNotFound},
		"no id":              {pin(p, "lap1", "a1", "same", "x"), connect.CodeInvalidArgument},
		"no event":           {undo(p, "e99"), connect.CodeNotFound},
		"not an event":       {undo(p, "p1"), connect.CodeInvalidArgument},
		"rules not YAML":     {rehearse(p, "serial", false), connect.CodeInvalidArgument},
		"rules' unknown key": {rehearse(p, "placeholder: {}", false), connect.CodeInvalidArgument},
		"commit, no reason":  {rehearse(p, "", true), connect.CodeInvalidArgument},
	} {
		if connect.CodeOf(c.err) != c.want {
			t.Errorf("%s: %v, want %v", name, c.err, c.want)
		}
	}
	if got := r.assets(); got != "a1 a2 a4 a5" {
		t.Errorf("assets: %s", got)
	}
	if _, err := reader.ListPins(t.Context(), &musterv1.ListPinsRequest{}); err != nil {
		t.Error(err)
	}
}

// A merge by evidence is taken back, holds against the same evidence, and can be had again.
func TestUndo(t *testing.T) {
	r := start(t)
	e := newEstate(r)
	p := r.people()
	late := r.enrol(inventory.KindAgent, "berlin")
	dev := &inventory.Device{Name: "srv9", Domain: "corp.example", Vendor: "Dell Inc.", Serial: "7XK2PQ3", Identifiers: []inventory.Identifier{
		{Type: inventory.IDSerial, Value: "7XK2PQ3", Scope: "Dell Inc.", Part: inventory.PartSystem}}}
	e.send(r, e.scanner, "d4:be:d9:10:20:30", &inventory.Device{Identifiers: []inventory.Identifier{{Type: inventory.IDMAC, Value: "d4:be:d9:10:20:30"}}},
		nics("", "d4:be:d9:10:20:30", "10.77.1.9/24"))
	e.send(r, late, "", dev, debian("12"))
	if got := r.assets(); got != "a1 a2 a4 a5 a6 a7" {
		t.Fatalf("assets: %s", got)
	}
	r.clock.Add(time.Hour)
	e.send(r, late, "", dev, debian("12"), nics("eth0", "d4:be:d9:10:20:30", "10.77.1.9/24"))
	if got := r.assets(); got != "a1 a2 a4 a5 a6" {
		t.Fatalf("merged: %s", got)
	}
	ids := r.rows(`select id || ' ' || kind || ' ' || from_asset || ' ' || to_asset from event`)
	if len(ids) != 1 || ids[0] != "1 merged 7 6" {
		t.Fatalf("events: %v", ids)
	}
	undone, err := p.Undo(t.Context(), &musterv1.UndoRequest{Event: "e1", Why: "the card was lent"})
	if err != nil || told(undone.GetEvents()) != "split a6>a7" || len(undone.GetPins()) != 1 || r.assets() != "a1 a2 a4 a5 a6 a7" {
		t.Fatalf("undo: %v, %v", undone, err)
	}
	if _, err := p.Undo(t.Context(), &musterv1.UndoRequest{Event: "e1", Why: "again"}); err == nil || !strings.Contains(err.Error(), "muster unpin p1") {
		t.Errorf("twice: %v", err)
	}
	r.clock.Add(48 * time.Hour)
	e.send(r, late, "", dev, debian("13"), nics("eth0", "d4:be:d9:10:20:30", "10.77.1.9/24"))
	if got := r.assets(); got != "a1 a2 a4 a5 a6 a7" {
		t.Errorf("after the same evidence: %s", got)
	}
	again, err := p.Undo(t.Context(), &musterv1.UndoRequest{Event: undone.GetEvents()[0].GetId(), Why: "it was right"})
	if err != nil || told(again.GetEvents()) != "merged a7>a6" || r.assets() != "a1 a2 a4 a5 a6" {
		t.Errorf("undo of the undo: %v, %v", again, err)
	}
	// By former ids as well: each stands for what it was.
	if res, err := r.pin("a7", "a6", "different"); err != nil || told(res.GetEvents()) != "split a6>a7" || r.assets() != "a1 a2 a4 a5 a6 a7" {
		t.Errorf("former ids: %v, %v", res, err)
	}
}

// Rules show what they would do first; committed, they hold for what was and what comes.
func TestRehearse(t *testing.T) {
	r := start(t)
	e := newEstate(r)
	p := r.people()
	var agents []source
	dev := func(n string) *inventory.Device {
		return &inventory.Device{Name: "kiosk" + n, Domain: "corp.example", Vendor: "NoName", Serial: "BATCH-2291-07", Identifiers: []inventory.Identifier{
			{Type: inventory.IDSerial, Value: "BATCH-2291-07", Scope: "NoName", Part: inventory.PartSystem}}}
	}
	for _, n := range []string{"1", "2"} {
		a := r.enrol(inventory.KindAgent, "berlin")
		agents = append(agents, a)
		e.send(r, a, "", dev(n), debian("12"))
	}
	if got := r.assets(); got != "a1 a2 a4 a5 a6" {
		t.Fatalf("assets: %s", got)
	}
	rules := "placeholders:\n  serial: [\"BATCH-22*\"]\n"
	res, err := p.Rehearse(t.Context(), &musterv1.RehearseRequest{Rules: rules})
	if err != nil || res.GetSplits() != 1 || res.GetMerges() != 0 || res.GetCommitted() || res.GetAssetsBefore() != 5 || res.GetAssetsAfter() != 6 ||
		res.GetList()[0].GetAsset().GetId() != "a6" || res.GetList()[0].GetOthers()[0].GetId() != "a7" {
		t.Fatalf("rehearsal: %v, %v", res, err)
	}
	if got := r.assets(); got != "a1 a2 a4 a5 a6" {
		t.Errorf("a rehearsal changed something: %s", got)
	}
	res, err = p.Rehearse(t.Context(), &musterv1.RehearseRequest{Rules: rules, Commit: true, Why: "printed on the whole batch"})
	if err != nil || !res.GetCommitted() || r.assets() != "a1 a2 a4 a5 a6 a7" {
		t.Fatalf("commit: %v, %v", res, err)
	}
	e.send(r, agents[1], "", dev("2"), debian("13"))
	third := r.enrol(inventory.KindAgent, "berlin")
	e.send(r, third, "", dev("3"), debian("12"))
	if got := r.assets(); got != "a1 a2 a4 a5 a6 a7 a8" {
		t.Errorf("with the rules: %s", got)
	}
	if got, err := p.GetRules(t.Context(), &musterv1.GetRulesRequest{}); err != nil || got.GetRules() != rules || got.GetWho() != "person:admin" {
		t.Errorf("rules: %v, %v", got, err)
	}
	if res, err = p.Rehearse(t.Context(), &musterv1.RehearseRequest{Commit: true, Why: "back"}); err != nil || res.GetMerges() != 1 || r.assets() != "a1 a2 a4 a5 a6" {
		t.Errorf("rules taken back: %v, %v", res, err)
	}
}

// The queue holds what a person can do something about, once, until it is done.
func TestReview(t *testing.T) {
	r := start(t)
	e := newEstate(r)
	p := r.people()
	clone := func(mac string) {
		a := r.enrol(inventory.KindAgent, "berlin")
		dev := &inventory.Device{Name: "h" + mac[15:], Identifiers: []inventory.Identifier{{Type: inventory.IDSMBIOS, Value: "1b4e28ba-2fa1-4d7a-883f-0016d3cca427"}}}
		for range 3 { // about at the same time
			e.send(r, a, "", dev, debian("12"), nics("eth0", mac))
			r.clock.Add(24 * time.Hour)
		}
		r.clock.Add(-48 * time.Hour)
	}
	clone("d4:be:d9:10:20:30")
	clone("d4:be:d9:10:20:31")
	list, err := p.ListReviews(t.Context(), &musterv1.ListReviewsRequest{})
	if err != nil || len(list.GetReviews()) != 1 {
		t.Fatalf("queue: %v, %v", list, err)
	}
	q := list.GetReviews()[0]
	if q.GetKind() != "demoted" || len(q.GetAssets()) != 2 || !strings.Contains(q.GetDetail(), "system UUID 1b4e28ba") && !strings.Contains(q.GetDetail(), "system UUID ba28") {
		t.Errorf("review: %v", q)
	}
	if _, err := p.FinishReview(t.Context(), &musterv1.FinishReviewRequest{Id: q.GetId(), Why: "cloned, will be made anew"}); err != nil {
		t.Fatal(err)
	}
	clone("d4:be:d9:10:20:32")
	if list, err = p.ListReviews(t.Context(), &musterv1.ListReviewsRequest{}); err != nil || len(list.GetReviews()) != 0 {
		t.Errorf("queue after it was done: %v, %v", list, err)
	}
	if list, err = p.ListReviews(t.Context(), &musterv1.ListReviewsRequest{All: true}); err != nil || list.GetReviews()[0].GetDoneBy() != "person:admin" {
		t.Errorf("all: %v, %v", list, err)
	}
}

// Verify finds what is not as the records say, and repairs it.
func TestVerifyDecision(t *testing.T) {
	r := start(t)
	newEstate(r)
	r.verify()
	for name, harm := range map[string]string{
		"record elsewhere":      `update record set asset_id = 1 where id = 3`,
		"asset torn":            `update record set asset_id = 2 where id = 2 or id = 4`,
		"line missing":          `delete from asset where id = 4`,
		"line without records":  `insert into asset values (3, '{}')`,
		"history not closed":    `insert into member (record_id, from_obs, asset_id) values (3, 1, 2)`,
		"history of other kind": `update member set asset_id = 5 where record_id = 1`,
	} {
		r.stop()
		r.exec(harm)
		bad, err := r.Store.RepairDecision(t.Context(), "test", r.clock.Now())
		if err != nil || bad.Good() {
			t.Errorf("%s: found %+v, %v", name, bad, err)
		}
		v, err := r.Store.VerifyDecision(t.Context())
		if err != nil || !v.Good() || v.Records != 5 || v.Assets != 4 {
			t.Errorf("%s: after the repair %+v, %v", name, v, err)
		}
	}
}

// exec changes the inventory's file behind the collector's back.
func (r *rig) exec(statement string) {
	r.t.Helper()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(r.dir, "muster.db"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if _, err := db.ExecContext(r.t.Context(), statement); err != nil {
		r.t.Fatal(err)
	}
}
