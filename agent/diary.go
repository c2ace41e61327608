package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/muster-itam/muster/internal/wire"
)

const diaryFile = "runtime.json"

// diary is what the runtime remembers from one start to the next. A lost one costs a report
// with all figures and begins the day's budget again.
type diary struct {
	Spent Spent           `json:"spent"`
	Costs map[string]cost `json:"costs"`
}

// readDiary is empty when there is none or nothing can be made of it.
func readDiary(stateDir string) (diary, error) {
	d := diary{Costs: map[string]cost{}}
	if stateDir == "" {
		return d, nil
	}
	text, err := os.ReadFile(filepath.Join(stateDir, diaryFile))
	if errors.Is(err, fs.ErrNotExist) {
		return d, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &d)
	}
	if err != nil || d.Costs == nil {
		d = diary{Costs: map[string]cost{}}
	}
	if err != nil {
		return d, fmt.Errorf("read %s: %w", diaryFile, err)
	}
	return d, nil
}

func (d diary) write(stateDir string) error {
	text, err := json.Marshal(d)
	if err != nil {
		return fmt.Errorf("encode %s: %w", diaryFile, err)
	}
	return wire.WriteFile(filepath.Join(stateDir, diaryFile), append(text, '\n'), 0o600)
}
