package reconcile_test

import (
	"strings"
	"testing"

	"github.com/muster-itam/muster/collector/reconcile"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestRulesMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"placeholder: {}":                        "key placeholder is not known",
		"placeholders: {colour: [blue]}":         `type "colour" is not known; the types are`,
		"placeholders: {serial: ['*']}":          "too short",
		"placeholders: {serial: ['']}":           "too short",
		"distrust: {mac: ['']}":                  "is no value",
		"ignore_macs: ['00']":                    "beginning of an address",
		"ignore_macs: [dock]":                    "beginning of an address",
		"max_holders: 1":                         "8 to 200",
		"max_holders: 1000":                      "8 to 200",
		"max_holders: many":                      "many",
		"max_holders: 9\n---\nmax_holders: 9":    "one YAML document",
		"a: &a [x]\nb: [*a,*a]":                  "not known",
		strings.Repeat("# much too long\n", 2e4): "at most",
	} {
		if _, err := reconcile.ParseRules([]byte(text)); inventory.CodeOf(err) != inventory.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want it to say %q", text, err, want)
		}
	}
}

// What rules say of values takes effect on claims that were made before them.
func TestRules(t *testing.T) {
	record := func(id int64, kind inventory.SourceKind, claims ...reconcile.Claim) reconcile.Record {
		return reconcile.Record{ID: id, Kind: kind, Claims: claims}
	}
	claim := func(typ reconcile.Type, value string, tier int32) reconcile.Claim {
		return reconcile.Claim{Key: reconcile.Key{Type: typ, Value: value}, Tier: tier}
	}
	serial, uuid, mac, machine := claim(inventory.IDSerial, "BATCH-2291-07", 2), claim(inventory.IDSMBIOS, "1b4e28ba-2fa1-11d2-883f-0016d3cca427", 3),
		claim(inventory.IDMAC, "00:e0:4c:68:00:01", 5), claim(inventory.IDMachine, "3f1c0a5de2b74a1f9d0c6b8a77e01234", 6)
	for _, c := range []struct {
		rules string
		claim reconcile.Claim
	}{
		{"placeholders: {serial: [' batch-2291-07 ']}", serial},
		{"placeholders: {serial: ['Batch-22*']}", serial},
		{"distrust: {serial: [BATCH-2291-07]}", serial},
		{"distrust: {smbios_uuid: ['{BA284E1B-A12F-D211-883F-0016D3CCA427}']}", uuid}, // the other byte order
		{"placeholders: {smbios_uuid: [1B4E28BA-2FA1-11D2-883F-0016D3CCA427]}", uuid},
		{"ignore_macs: ['00-E0-4C']", mac},
		{"distrust: {mac: [00E0.4C68.0001]}", mac},
		{"distrust: {machine_id: [3F1C0A5DE2B74A1F9D0C6B8A77E01234]}", machine},
	} {
		rules, err := reconcile.ParseRules([]byte(c.rules))
		if err != nil {
			t.Errorf("%s: %v", c.rules, err)
			continue
		}
		both := []reconcile.Record{record(1, inventory.KindAgent, c.claim), record(2, inventory.KindAgent, c.claim)}
		if res := reconcile.Decide(both, nil); res.Assets[2] != 1 {
			t.Errorf("%v does not join without rules", c.claim.Key)
		}
		if res := rules.Decide(both, nil); res.Assets[2] != 2 {
			t.Errorf("%s: they are joined still", c.rules)
		}
	}
	rules, err := reconcile.ParseRules([]byte("max_holders: 8"))
	if err != nil {
		t.Fatal(err)
	}
	var many []reconcile.Record
	for id := range int64(9) {
		many = append(many, record(id+1, inventory.KindScanner, mac))
	}
	if res := rules.Decide(many, nil); res.Assets[9] != 9 {
		t.Error("nine hold a value together that eight may")
	}
	if res := rules.Decide(many[:8], nil); res.Assets[8] != 1 {
		t.Error("eight may hold a value together")
	}
}

func FuzzParseRules(f *testing.F) {
	f.Add([]byte("placeholders:\n  serial: [\"ABC*\"]\ndistrust:\n  mac: [00:e0:4c:68:00:01]\nignore_macs: [\"00:e0:4c\"]\nmax_holders: 32\n"))
	f.Add([]byte("{}"))
	f.Fuzz(func(_ *testing.T, text []byte) {
		rules, err := reconcile.ParseRules(text)
		if err == nil {
			rules.Decide([]reconcile.Record{{ID: 1}}, nil)
		}
	})
}
