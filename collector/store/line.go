package store

import (
	"slices"

	"github.com/tidwall/gjson"

	"github.com/muster-itam/muster/internal/inventory"
)

// readLine reads an asset's line for a listing, with the values of some of its attributes. The others, who said
// them and which values lost, by far the most of the text, are passed over: a listing reads the lines of all assets,
// and three quarters of its time were encoding/json's. The texts are parts of doc.
func readLine(doc string, attributes []string, a *inventory.Asset) {
	gjson.Parse(doc).ForEach(func(name, value gjson.Result) bool {
		switch name.Str {
		case "addresses":
			a.Addresses = textsIn(value)
		case "macs":
			a.MACs = textsIn(value)
		case "attributes":
			a.Attributes = someOf(value, attributes)
		default:
			set(a, name.Str, value.String())
		}
		return true
	})
}

func textsIn(list gjson.Result) (out []string) {
	list.ForEach(func(_, value gjson.Result) bool {
		out = append(out, value.Str)
		return true
	})
	return out
}

// someOf are those of a list of attributes that are wanted.
func someOf(list gjson.Result, wanted []string) (out []inventory.Attribute) {
	if len(wanted) == 0 {
		return nil
	}
	list.ForEach(func(_, x gjson.Result) bool {
		if name := x.Get("name").Str; slices.Contains(wanted, name) {
			out = append(out, inventory.Attribute{Name: name, Value: x.Get("value").Str})
		}
		return len(out) < len(wanted)
	})
	return out
}
