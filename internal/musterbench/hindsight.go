package main

import "github.com/muster-itam/muster/collector/reconcile"

// hindsight puts in place of the assets on arrival what they had been if it had been
// known from the beginning which records are one asset: they are joined as soon as they
// share any value at all. It is the bound for whatever waits for evidence and names an
// asset by its oldest record.
func (m *memory) hindsight(res reconcile.Result) {
	asset := map[int64]int64{} // so far
	whole := map[int64][]int64{}
	type value struct {
		reconcile.Key
		asset int64 // at last
	}
	had := map[value]int64{} // a record
	for i := range m.arrived {
		r := m.arrived[i].record
		if asset[r] == 0 {
			asset[r], whole[r] = r, []int64{r}
		}
		for _, k := range m.learned[i] {
			v := value{k, res.Assets[r]}
			other, ok := had[v]
			if !ok {
				had[v] = r
			}
			if !ok || asset[other] == asset[r] {
				continue
			}
			keep, drop := min(asset[other], asset[r]), max(asset[other], asset[r])
			if keep < v.asset { // what is attached to an asset does not name it, however old
				keep, drop = drop, keep
			}
			for _, x := range whole[drop] {
				asset[x] = keep
			}
			whole[keep] = append(whole[keep], whole[drop]...)
		}
		m.arrived[i].live = asset[r]
	}
}
