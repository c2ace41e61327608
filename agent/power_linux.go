package agent

import "github.com/muster-itam/muster/agent/source"

// conditions looks at a few files, each time anew.
func conditions() Conditions {
	tree, err := source.OpenTree("/")
	if err != nil {
		return Conditions{}
	}
	defer func() { _ = tree.Close() }() // only read
	return Conditions{Battery: batteryIn(tree), Metered: meteredIn(tree)}
}
