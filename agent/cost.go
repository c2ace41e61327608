package agent

import (
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Below these differences a cost counts as the same, whatever the ratio.
const (
	costTime  = 50 // ms
	costBytes = 4 << 10
)

// cost is what one source cost.
type cost struct {
	TookMS int64 `json:"took_ms"`
	CPUMS  int64 `json:"cpu_ms"`
	Bytes  int64 `json:"bytes"`
}

// like says whether two costs are so near that reporting the other one would be no news. If
// every look's own figures were sent, no report would ever be like the one before.
func (c cost) like(other cost) bool {
	return near(c.TookMS, other.TookMS, costTime) && near(c.CPUMS, other.CPUMS, costTime) && near(c.Bytes, other.Bytes, costBytes)
}

func near(a, b, least int64) bool {
	small, big := min(a, b), max(a, b)
	return big-small <= least || big <= 2*small
}

// readingsSection is how each source fared and what it cost, with the costs that were
// reported last as long as the new ones are like them. It notes in costs what it reports.
func readingsSection(readings []Reading, costs map[string]cost) inventory.Section {
	list := make(inventory.Readings, len(readings))
	for i, r := range readings {
		key := string(r.Section) + "|" + r.Source
		now := cost{TookMS: r.took.Round(time.Millisecond).Milliseconds(), CPUMS: r.cpu.Round(time.Millisecond).Milliseconds(), Bytes: r.bytes}
		reported, ok := costs[key]
		if !ok || !now.like(reported) {
			reported = now
		}
		costs[key] = reported
		list[i] = inventory.Reading{
			Reads: r.Section, Source: r.Source, Status: r.Status, Reason: r.Reason, Items: r.Items,
			TookMS: reported.TookMS, CPUMS: reported.CPUMS, Bytes: reported.Bytes,
		}
	}
	return inventory.Section{Name: inventory.SectionReadings, Status: inventory.StatusOK, Body: list}
}
