package scanner

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/muster-itam/muster/internal/wire"
	"github.com/muster-itam/muster/scanner/snmp"
)

// Worked remembers by which credential a device let itself be read, so that the next scan
// tries that one first and does not show the device all others. It knows names, no secrets.
// A nil one remembers nothing.
type Worked struct {
	path string

	mu      sync.Mutex
	names   map[string]string // of credentials, by hardware address or address
	changed bool
}

const (
	maxWorked     = 200_000
	maxWorkedFile = 32 << 20
)

// OpenWorked reads what is remembered in a file; one that is missing or spoilt is nothing.
func OpenWorked(path string) (*Worked, error) {
	w := &Worked{path: path, names: map[string]string{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return w, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read which credentials worked: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := json.NewDecoder(io.LimitReader(f, maxWorkedFile)).Decode(&w.names); err != nil || w.names == nil {
		w.names = map[string]string{} // what is lost is found again
	}
	return w, nil
}

// Save writes what is new.
func (w *Worked) Save() error {
	if w == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.changed {
		return nil
	}
	text, err := json.Marshal(w.names)
	if err != nil {
		return fmt.Errorf("write which credentials worked: %w", err)
	}
	if err := wire.WriteFile(w.path, text, 0o600); err != nil {
		return fmt.Errorf("write which credentials worked: %w", err)
	}
	w.changed = false
	return nil
}

// whom is what a station is remembered by.
func whom(st *station) string {
	if st.mac.Unicast() {
		return st.mac.String()
	}
	if len(st.entries) > 0 {
		return st.entries[0].addr.String()
	}
	return ""
}

func (w *Worked) name(st *station) string {
	if w == nil {
		return ""
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.names[whom(st)]
}

// keep remembers what read a station; facts are nil when nothing did, and then what was
// remembered is wrong.
func (w *Worked) keep(st *station, facts *snmp.Facts) {
	key := whom(st)
	if w == nil || key == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	was, known := w.names[key]
	switch {
	case facts == nil && known:
		delete(w.names, key)
	case facts != nil && facts.CredentialName != "" && facts.CredentialName != was && (known || len(w.names) < maxWorked):
		w.names[key] = facts.CredentialName
	default:
		return
	}
	w.changed = true
}
