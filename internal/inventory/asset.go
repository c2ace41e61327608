package inventory

import (
	"strconv"
	"strings"
	"time"
)

// AssetID names an asset for ever: "a" and the number of its oldest record. Ids of
// assets that were merged resolve to the asset their records are in now.
type AssetID int64

func (id AssetID) String() string { return "a" + strconv.FormatInt(int64(id), 10) }

// ParseAssetID reads an asset id as people type it, with or without the letter.
func ParseAssetID(s string) (AssetID, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(strings.ToLower(strings.TrimSpace(s)), "a"), 10, 64)
	if err != nil || n <= 0 {
		return 0, Errorf(CodeInvalid, "asset id %q: want a letter a and a number, like a17", s)
	}
	return AssetID(n), nil
}

// MarshalText writes the id as text.
func (id AssetID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// Asset is one line of the inventory: what the records of one thing say, put together.
type Asset struct {
	ID          AssetID   `json:"-"`
	Name        string    `json:"name,omitempty"`
	Domain      string    `json:"domain,omitempty"`
	Class       Class     `json:"class,omitempty"`
	Vendor      string    `json:"vendor,omitempty"`
	Model       string    `json:"model,omitempty"`
	Serial      string    `json:"serial,omitempty"`
	OS          string    `json:"os,omitempty"`
	OSVersion   string    `json:"os_version,omitempty"`
	CPU         string    `json:"cpu,omitempty"`
	MemoryBytes int64     `json:"memory_bytes,omitempty"`
	DiskBytes   int64     `json:"disk_bytes,omitempty"`
	User        string    `json:"user,omitempty"`
	Site        string    `json:"site,omitempty"`
	MachineID   string    `json:"machine_id,omitempty"`
	Addresses   []string  `json:"addresses,omitempty"` // sorted, without prefix length
	MACs        []string  `json:"macs,omitempty"`
	Sources     []string  `json:"-"` // kinds of its sources, sorted
	FirstSeen   time.Time `json:"-"`
	LastSeen    time.Time `json:"-"`
	// Attributes are the choices behind the fields above, with the values that lost.
	Attributes []Attribute `json:"attributes,omitempty"`
}

// Attribute is one attribute's value with the source it is from and the values that lost.
type Attribute struct {
	Name   string      `json:"name"`
	Value  string      `json:"value"`
	Record int64       `json:"record,omitempty"`
	Source string      `json:"source,omitempty"` // kind of the source
	At     time.Time   `json:"at,omitzero"`
	Losers []Attribute `json:"losers,omitempty"`
}
