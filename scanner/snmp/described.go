package snmp

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/muster-itam/muster/internal/inventory"
)

//go:embed tables/*.yaml
var builtinTables embed.FS

// Tables are the descriptions of tables by which devices are read beyond the standard MIBs:
// tables/*.yaml says which column is what, so that another maker is data. See
// docs/recipes/snmp-table.md.
type Tables struct{ tables []Table }

// Table is one description: where the rows are, and which column holds what.
type Table struct {
	Name string `yaml:"name"`
	MIB  string `yaml:"mib"` // and table, for whoever checks
	// Gives is what a row is: access point, network, client, redundancy, meter.
	Gives string `yaml:"gives"`
	// Enterprise, when not 0, must be among those whose objects the device has.
	Enterprise int    `yaml:"enterprise"`
	Entry      string `yaml:"entry"` // the object id of a row, which column numbers follow
	// Fields are where a row has what Gives needs: the number of a column, a whole object id of a
	// column with the same index, or a part of the index.
	Fields map[string]string `yaml:"fields"`
	// Rows is a column that every row has, where the first of the fields is not one.
	Rows string `yaml:"rows"`
	// Words replace values of a field; a value that is not among them is no answer.
	Words    map[string]map[string]string `yaml:"words"`
	Vendor   string                       `yaml:"vendor"`   // of all access points of the table
	Protocol string                       `yaml:"protocol"` // of redundancy
	Part     string                       `yaml:"part"`     // what meters belong to: outlet
	Meters   []meterColumn                `yaml:"meters"`
	Examples []TableExample               `yaml:"examples"`

	fields []field
}

// meterColumn is a column of which each value is a meter.
type meterColumn struct {
	Name   string `yaml:"name"`
	Unit   string `yaml:"unit"`
	Column string `yaml:"column"`
	// Scale is what a value is multiplied by to have Unit; 0 means 1.
	Scale float64 `yaml:"scale"`
	// Missing are values that mean that nothing was measured, beside the largest of 32 bits.
	Missing []int64 `yaml:"missing"`
	// Most is the largest value that can be meant; 0 means any.
	Most int64 `yaml:"most"`
	// Digits is a column with the number of decimal places of the value.
	Digits string `yaml:"digits"`
	// Where has numbers that the index must have at a place, which counts from 1: the kinds of
	// measurement of one column.
	Where map[int]uint32 `yaml:"where"`
}

// TableExample is a description's test: what a device says, in the form of ReadRecording, and what
// comes of it.
type TableExample struct {
	Walk string         `yaml:"walk"`
	Want map[string]any `yaml:"want"`
}

// kinds are what rows can be and the fields that each may have, in the order in which they are read.
var kinds = map[string][]string{
	"access point": {"mac", "key", "name", "model", "serial", "version", "address", "vendor"},
	"network":      {"ssid", "vlan", "security", "disabled"},
	"client":       {"mac", "address", "name", "ap", "interface", "vlan"},
	"redundancy":   {"group", "interface", "name", "address", "mac", "state", "priority"},
	"meter":        {"of", "number"},
}

// field is where a value of a row is: in a column, or in numbers from to to of the index, which
// count from 1; to 0 is to its end.
type field struct {
	name     string
	column   oid
	from, to int
	inet     bool // the part of the index is an InetAddressType and an InetAddress
	meter    *meterColumn
}

// BuiltinTables are the descriptions that come with the scanner.
func BuiltinTables() (*Tables, error) {
	sub, err := fs.Sub(builtinTables, "tables")
	if err != nil {
		return nil, fmt.Errorf("open built-in tables: %w", err)
	}
	return LoadTables(sub)
}

// LoadTables reads all *.yaml files of dir in the order of their names. Unknown keys, kinds and
// fields and descriptions without an example are errors.
func LoadTables(dir fs.FS) (*Tables, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list tables: %w", err)
	}
	out := &Tables{}
	for _, name := range names {
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, fmt.Errorf("read tables: %w", err)
		}
		var f struct {
			Tables []Table `yaml:"tables"`
		}
		dec := yaml.NewDecoder(bytes.NewReader(data))
		dec.KnownFields(true)
		if err := dec.Decode(&f); err != nil {
			return nil, inventory.Errorf(inventory.CodeInvalid, "tables %s: %v", name, err)
		}
		for i := range f.Tables {
			if err := f.Tables[i].prepare(); err != nil {
				return nil, inventory.Errorf(inventory.CodeInvalid, "tables %s: %q: %w", name, f.Tables[i].Name, err)
			}
		}
		out.tables = append(out.tables, f.Tables...)
	}
	return out, nil
}

func (t *Table) prepare() error {
	known, ok := kinds[t.Gives]
	if !ok {
		return fmt.Errorf("gives %q is not known", t.Gives)
	}
	if len(t.Examples) == 0 {
		return fmt.Errorf("no example")
	}
	if t.Rows != "" {
		f, err := t.field(t.Rows)
		if err != nil {
			return fmt.Errorf("rows: %w", err)
		}
		t.fields = append(t.fields, f)
	}
	had := len(t.fields)
	for _, name := range known { // in this order, so that the first is the table's first column
		if spec, ok := t.Fields[name]; ok {
			f, err := t.field(spec)
			if err != nil {
				return fmt.Errorf("field %s: %w", name, err)
			}
			f.name = name
			t.fields = append(t.fields, f)
		}
	}
	if len(t.fields)-had != len(t.Fields) {
		return fmt.Errorf("%s has only the fields %s", t.Gives, strings.Join(known, ", "))
	}
	for i := range t.Meters {
		f, err := t.field(t.Meters[i].Column)
		if err != nil || f.column == nil || t.Gives != "meter" {
			return fmt.Errorf("meter %s: no column", t.Meters[i].Name)
		}
		f.meter = &t.Meters[i]
		t.fields = append(t.fields, f)
		if t.Meters[i].Digits == "" {
			continue
		}
		digits, err := t.field(t.Meters[i].Digits)
		if err != nil {
			return fmt.Errorf("meter %s: digits: %w", t.Meters[i].Name, err)
		}
		digits.name = "digits of " + t.Meters[i].Name
		t.fields = append(t.fields, digits)
	}
	if !slices.ContainsFunc(t.fields, func(f field) bool { return f.column != nil }) {
		return fmt.Errorf("no column")
	}
	return nil
}

func (t *Table) field(spec string) (f field, err error) {
	if part, ok := strings.CutPrefix(spec, "index "); ok {
		part, f.inet = strings.CutSuffix(part, " address")
		from, to, ranged := strings.Cut(part, "-")
		if f.from, err = strconv.Atoi(from); err != nil || f.from < 1 {
			return f, fmt.Errorf("%q is no part of an index", spec)
		}
		if f.to = f.from; ranged {
			if f.to, err = strconv.Atoi(cmp.Or(to, "0")); err != nil {
				return f, fmt.Errorf("%q is no part of an index", spec)
			}
		}
		return f, nil
	}
	if !strings.Contains(spec, ".") {
		spec = t.Entry + "." + spec
	}
	var ok bool
	if f.column, ok = parseOID(spec); !ok || len(f.column) < 4 {
		return f, fmt.Errorf("%q is no column", spec)
	}
	return f, nil
}

// of is the field's value in the row at index.
func (f *field) of(index oid, cell func(*field) value) value {
	if f.column != nil {
		return cell(f)
	}
	to := f.to
	if to == 0 {
		to = len(index)
	}
	if to > len(index) || f.from > to {
		return value{}
	}
	part := index[f.from-1 : to]
	switch {
	case f.inet:
		if a, rest, ok := part.addrOf(); ok && len(rest) == 0 {
			return value{kind: kindAddress, addr: a}
		}
	case f.from == f.to:
		return value{kind: kindNumber, number: int64(part[0])}
	default:
		if b, ok := part.bytesOf(); ok {
			return value{kind: kindBytes, bytes: b}
		}
	}
	return value{}
}

// maxDescribed bounds the rows that are taken by one description.
const maxDescribed = 5000

// described reads every table that gives one of kinds and that the device can have, and calls row
// for each of its rows.
func (f *Facts) described(ctx context.Context, r *reader, tables *Tables, row func(*Table, *described), kinds ...string) error {
	if tables == nil {
		return nil
	}
	for i := range tables.tables {
		t := &tables.tables[i]
		if !slices.Contains(kinds, t.Gives) || !f.canHave(r, t.Enterprise) {
			continue
		}
		columns, at := t.columns()
		rows, err := r.table(ctx, columns...)
		for n := range rows[:min(len(rows), maxDescribed)] {
			d := &described{table: t, index: rows[n].index}
			d.cell = func(f *field) value { return rows[n].cells[at[f]] }
			row(t, d)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", t.Name, err)
		}
		if len(rows) > maxDescribed {
			return fmt.Errorf("%s: more than %d rows", t.Name, maxDescribed)
		}
	}
	return nil
}

// columns are what to read, and where among them each field is.
func (t *Table) columns() (columns []oid, at map[*field]int) {
	at = map[*field]int{}
	for i := range t.fields {
		f := &t.fields[i]
		if f.column == nil {
			continue
		}
		n := slices.IndexFunc(columns, func(c oid) bool { return c.compare(f.column) == 0 })
		if n < 0 {
			n = len(columns)
			columns = append(columns, f.column)
		}
		at[f] = n
	}
	return columns, at
}

// canHave tells whether the device has objects of an enterprise, as far as these were listed.
func (f *Facts) canHave(r *reader, enterprise int) bool {
	return enterprise == 0 || r.unlisted || len(f.System.Enterprises) == maxEnterprises || slices.Contains(f.System.Enterprises, enterprise)
}

// described is a row of a described table.
type described struct {
	table *Table
	index oid
	cell  func(*field) value
}

func (d *described) value(name string) value {
	for i := range d.table.fields {
		if f := &d.table.fields[i]; f.name == name {
			return f.of(d.index, d.cell)
		}
	}
	return value{}
}

// text is a field in words, "" when it is not there.
func (d *described) text(name string) string {
	s := d.value(name).shown()
	if words := d.table.Words[name]; words != nil {
		return words[s]
	}
	return s
}

func (d *described) number(name string) int {
	n, _ := d.value(name).small()
	return n
}

// vlan is a field that is a VLAN id.
func (d *described) vlan() int {
	n := d.number("vlan")
	if n > maxVLAN {
		return 0
	}
	return n
}

// mac is a field that is a hardware address.
func (d *described) mac(name string) string {
	v := d.value(name)
	if m, ok := v.mac(); ok && m.Unicast() {
		return m.String()
	}
	return ""
}

// shown is a value of any type as text.
func (v value) shown() string {
	switch v.kind {
	case kindNumber:
		return strconv.FormatInt(v.number, 10)
	case kindBytes:
		return cleanText(v.bytes)
	case kindOID:
		return v.oid.String()
	case kindAddress:
		return v.addr.String()
	case kindNone, kindOther:
	}
	return ""
}

// maxMeters bounds what a device can count and measure.
const maxMeters = 4000

// meters are the meters of a row.
func (d *described) meters() []inventory.Meter {
	var out []inventory.Meter
	of := d.table.Part
	number, ok := d.value("number").int()
	if !ok && len(d.index) > 0 {
		number = int64(d.index[len(d.index)-1])
	}
	if of != "" && number > 0 {
		of += " " + strconv.FormatInt(number, 10)
	}
	if name := d.text("of"); name != "" && !strings.EqualFold(name, of) {
		of = strings.TrimSpace(of + " (" + name + ")")
	}
	for i := range d.table.fields {
		f := &d.table.fields[i]
		if f.meter == nil {
			continue
		}
		if n, ok := f.meter.read(d.index, d.cell(f), d.number("digits of "+f.meter.Name)); ok {
			out = append(out, inventory.Meter{Of: of, Name: f.meter.Name, Unit: f.meter.Unit, Value: n})
		}
	}
	return out
}

func (m *meterColumn) read(index oid, v value, digits int) (int64, bool) {
	for at, number := range m.Where {
		if at < 1 || at > len(index) || index[at-1] != number {
			return 0, false
		}
	}
	n, ok := v.int()
	if v.kind == kindBytes { // some agents write numbers as text
		parsed, err := strconv.ParseInt(cleanText(v.bytes), 10, 64)
		n, ok = parsed, err == nil
	}
	if !ok || n == math.MaxInt32 || n == math.MaxUint32 || m.Most > 0 && n > m.Most || slices.Contains(m.Missing, n) {
		return 0, false
	}
	if m.Scale == 0 && digits == 0 {
		return n, true
	}
	return rounded(float64(n) * cmp.Or(m.Scale, 1) * math.Pow10(-min(digits, 18)))
}

func rounded(x float64) (int64, bool) {
	if x = math.Round(x); math.Abs(x) >= 1<<53 { // NaN does not come of a product of finite numbers
		return 0, false
	}
	return int64(x), true
}
