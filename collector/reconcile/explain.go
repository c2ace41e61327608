package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-itam/muster/internal/inventory"
)

// Explain says in words why the asset named by record id is one asset: first the values
// that hold it together, then what merely agrees, then what was not believed. name
// renders a record for people.
func Explain(res Result, id int64, name func(record int64) string) []string {
	mine := func(r int64) bool { return res.Assets[r] == id }
	records, one := 0, int64(0)
	for r := range res.Assets {
		if mine(r) {
			records++
			one = r
		}
	}
	if records == 0 {
		return nil
	}
	out := []string{fmt.Sprintf("One asset of %s.", count(records, "record"))}
	if records == 1 {
		out[0] = fmt.Sprintf("One asset of 1 record, %s.", name(one))
	}
	tree, also := holding(res, mine)
	for _, j := range tree {
		out = append(out, sentence(j, mine, name))
	}
	if records > 1 && len(tree) == 0 {
		out = append(out, "What holds it together was decided earlier and is not among what was loaded.")
	}
	if len(also) > 0 {
		out = append(out, "They also agree on the "+list(also)+".")
	}
	for _, h := range res.Handovers {
		if mine(h.Record) {
			out = append(out, fmt.Sprintf("%s came with the %s, which another asset had until %s.", name(h.Record), describe(h.Key), h.On.Format(time.DateOnly)))
		}
	}
	return sentences(append(out, doubts(res.Demotions, mine, name)...))
}

// said is a value as people see it: its scopes are ours.
type said struct {
	Type
	value string
}

// holding splits the joins of an asset into those that connect something not yet
// connected and the values that agree besides, each said once.
func holding(res Result, mine func(int64) bool) (tree []Join, also []string) {
	connected := classes{}
	text := func(r int64) string { return fmt.Sprint(r) }
	told := map[said]bool{}
	var rest []Join
	for _, j := range res.Joins {
		own := slices.DeleteFunc(slices.Clone(j.Records), func(r int64) bool { return !mine(r) })
		if len(own) < 2 {
			continue
		}
		news := false
		for _, r := range own[1:] {
			if connected.root(text(r)) != connected.root(text(own[0])) {
				news = true
				connected.join([]string{text(own[0]), text(r)})
			}
		}
		if news {
			tree = append(tree, j)
			told[said{j.Key.Type, j.Key.Value}] = true
		} else {
			rest = append(rest, j)
		}
	}
	for _, j := range rest {
		if v := (said{j.Key.Type, j.Key.Value}); !told[v] && j.Tier >= 0 {
			told[v] = true
			also = append(also, describe(j.Key))
		}
	}
	return tree, also
}

func sentence(j Join, mine func(int64) bool, name func(int64) string) string {
	var who []string
	for _, r := range j.Records {
		if mine(r) {
			who = append(who, name(r))
		}
	}
	if j.Tier < 0 {
		return list(who) + " are one because a person said so."
	}
	if strings.HasPrefix(j.Rule, "only") {
		return fmt.Sprintf("%s belongs to it because no other asset has the %s.", name(j.Records[0]), describe(j.Key))
	}
	line := fmt.Sprintf("%s have the same %s", list(who), describe(j.Key))
	if !j.Since.IsZero() {
		line += ", since " + j.Since.Format(time.DateOnly)
	}
	return line + "."
}

// doubts are the values of an asset that join nothing, those with the same witnesses and
// the same reason together.
func doubts(all []Demotion, mine func(int64) bool, name func(int64) string) []string {
	type why struct {
		a, b   int64
		reason string
	}
	var order []why
	values := map[why][]string{}
	told := map[said]bool{}
	for _, d := range all {
		v, w := said{d.Key.Type, d.Key.Value}, why{d.A, d.B, d.Reason}
		if told[v] || d.A != 0 && !slices.ContainsFunc(d.Holders, mine) {
			continue
		}
		if mine(w.b) && !mine(w.a) {
			w.a, w.b = w.b, w.a
		}
		told[v] = true
		if values[w] == nil {
			order = append(order, w)
		}
		values[w] = append(values[w], describe(d.Key))
	}
	var out []string
	for _, w := range order {
		verb, them := "joins", "it"
		if len(values[w]) > 1 {
			verb, them = "join", "them"
		}
		line := fmt.Sprintf("The %s %s nothing: ", list(values[w]), verb)
		if w.a == 0 {
			line += w.reason + "."
		} else {
			line += fmt.Sprintf("%s and %s both have %s and cannot be one asset (%s).", name(w.a), name(w.b), them, w.reason)
		}
		out = append(out, line)
	}
	return out
}

// Describe is a value with what it is and where it counts.
func Describe(k Key) string { return describe(k) }

func describe(k Key) string {
	text := typeWords(k.Type)
	if k.Value != "" {
		text += " " + usual(k)
	}
	place, when, dated := strings.Cut(k.Scope, "@")
	site, inSite := strings.CutPrefix(place, "site:")
	maker, ofMaker := strings.CutPrefix(place, "maker:")
	switch {
	case inSite:
		text += " at " + site
	case ofMaker:
		text += " by " + maker
	case k.Type == TypeName && place != "":
		text += " in " + place
	}
	if dated {
		text += " on " + when
	}
	return text
}

// usual is a value as people know it. Of a UUID's two byte orders it is the one in which
// it has a version (RFC 9562 section 4.2); a claim has the smaller.
func usual(k Key) string {
	if k.Type != inventory.IDSMBIOS {
		return k.Value
	}
	u, ok := parseUUID(k.Value)
	if version := u[6] >> 4; !ok || version > 0 && version < 6 {
		return k.Value
	}
	if version := u.swapped()[6] >> 4; version > 0 && version < 6 {
		return u.swapped().String()
	}
	return k.Value
}

// sentences begin with a capital letter, but for those that begin with an id.
func sentences(lines []string) []string {
	for i, l := range lines {
		if first, _, _ := strings.Cut(l, " "); first != "" && !strings.ContainsAny(first, "0123456789") {
			lines[i] = strings.ToUpper(l[:1]) + l[1:]
		}
	}
	return lines
}

func list(words []string) string {
	switch n := len(words); {
	case n == 0:
		return ""
	case n == 1:
		return words[0]
	case n > 8:
		return fmt.Sprintf("%s and %d more", strings.Join(words[:7], ", "), n-7)
	default:
		return strings.Join(words[:n-1], ", ") + " and " + words[n-1]
	}
}

func count(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
