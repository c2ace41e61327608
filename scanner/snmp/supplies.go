package snmp

import (
	"cmp"
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/internal/inventory"
)

// Rows of Printer-MIB (RFC 3805).
var (
	prtInputEntry           = mustOID("1.3.6.1.2.1.43.8.2.1")
	prtMarkerEntry          = mustOID("1.3.6.1.2.1.43.10.2.1")
	prtMarkerSuppliesEntry  = mustOID("1.3.6.1.2.1.43.11.1.1")
	prtMarkerColorantValue  = mustOID("1.3.6.1.2.1.43.12.1.1.4")
	prtMarkerCounterUnits   = map[int]string{7: "pages", 8: "sheets", 11: "h", 16: "ft", 17: "m"} // impressions are pages
	prtMarkerSuppliesSorts  = []string{"other", "", "toner", "waste", "ink", "ink", "ribbon", "waste", "drum", "developer", "oil", "wax", "wax", "waste", "fuser", "corona", "oil", "cleaner", "cleaner", "transfer", "toner", "oil", "water", "waste", "", "waste", "", "binding", "binding", "staples", "wrap", "wrap", "staples", "paper", "paper"}
	serialInSupply          = regexp.MustCompile(`[ ,;(]+S/?N[:. ]*([0-9A-Z-]*\d[0-9A-Z-]{5,})\)?`)
	colourWord              = regexp.MustCompile(`(?i)\b(black|cyan|magenta|yellow)\b`) // where there is no colorant
	prtMarkerSuppliesFilled = 4                                                         // prtMarkerSuppliesClass receptacleThatIsFilled
)

// percentUnit is PrtMarkerSuppliesSupplyUnitTC percent.
const percentUnit = 19

func (f *Facts) readSupplies(ctx context.Context, r *reader) error {
	// Level, maximum, unit, type, class, description, colorant.
	rows, err := r.table(ctx, prtMarkerSuppliesEntry.children(9, 8, 7, 5, 4, 6, 3)...)
	if err != nil || len(rows) == 0 {
		return err
	}
	colorants, err := r.table(ctx, prtMarkerColorantValue)
	colours := map[[2]int]string{}
	for _, c := range colorants {
		colours[[2]int{c.first(), c.last()}] = c.text(0)
	}
	for _, row := range rows {
		s := inventory.Supply{
			Name: row.text(5), LevelPercent: level(row.cells[0], row.cells[1], row.number(2)),
			Colour: colours[[2]int{row.first(), row.number(6)}],
		}
		if n := row.number(3); n > 0 && n <= len(prtMarkerSuppliesSorts) {
			s.Kind = prtMarkerSuppliesSorts[n-1]
		}
		if s.Kind == "" && row.number(4) == prtMarkerSuppliesFilled {
			s.Kind = "waste"
		}
		if m := serialInSupply.FindStringSubmatchIndex(s.Name); m != nil {
			s.Serial, s.Name = s.Name[m[2]:m[3]], s.Name[:m[0]]+s.Name[m[1]:]
		}
		s.Colour = cmp.Or(s.Colour, strings.ToLower(colourWord.FindString(s.Name)))
		s.Name = cmp.Or(s.Name, s.Kind, "supply "+strconv.Itoa(row.last()))
		f.Supplies = append(f.Supplies, s)
	}
	if err != nil {
		return err
	}
	trays, err := r.table(ctx, prtInputEntry.children(10, 9, 13, 18)...) // level, maximum, name, description
	for _, row := range trays {
		f.Supplies = append(f.Supplies, inventory.Supply{
			Name: cmp.Or(row.text(2), row.text(3), "input "+strconv.Itoa(row.last())), Kind: "paper",
			LevelPercent: level(row.cells[0], row.cells[1], 0),
		})
	}
	slices.SortStableFunc(f.Supplies, func(a, b inventory.Supply) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return err
}

// level is how full something is, to 5 %, and -1 where the printer does not know: a level of -1 is
// without limit, -2 unknown, -3 some. Of a receptacle it is the room that is left (RFC 3805).
func level(level, capacity value, unit int) int {
	n, ok := level.int()
	most, _ := capacity.int()
	if most <= 0 && unit == percentUnit {
		most = 100
	}
	if !ok || n < 0 || most <= 0 {
		return -1
	}
	part := float64(min(n, most)) / float64(most)
	return int(part*20+0.5) * 5
}

// readMarkers reads how much a printer has printed in its life.
func (f *Facts) readMarkers(ctx context.Context, r *reader) error {
	rows, err := r.table(ctx, prtMarkerEntry.child(4), prtMarkerEntry.child(3)) // count, unit
	for _, row := range rows {
		m := inventory.Meter{Name: "printed", Unit: prtMarkerCounterUnits[row.number(1)]}
		if len(rows) > 1 {
			m.Of = "marker " + strconv.Itoa(row.last())
		}
		var ok bool
		if m.Value, ok = row.cells[0].int(); ok && m.Value >= 0 && m.Unit != "" {
			f.Meters = append(f.Meters, m)
		}
	}
	return err
}
