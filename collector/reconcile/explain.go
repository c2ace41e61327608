package reconcile

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Explain says in words why the asset named by record id is one asset: first the values
// that hold it together, then what merely agrees, then what was not believed. name
// renders a record for people.
func Explain(res Result, id int64, name func(record int64) string) []string {
	mine := func(r int64) bool { return res.Assets[r] == id }
	records := 0
	for r := range res.Assets {
		if mine(r) {
			records++
		}
	}
	if records == 0 {
		return nil
	}
	out := []string{fmt.Sprintf("One asset of %s.", count(records, "record"))}
	tree, also := holding(res, mine)
	for _, j := range tree {
		out = append(out, sentence(j, mine, name))
	}
	if records > 1 && len(tree) == 0 {
		out = append(out, "What holds it together was decided earlier and is not among what was loaded.")
	}
	if len(also) > 0 {
		out = append(out, "They also agree on "+list(also)+".")
	}
	for _, d := range res.Demotions {
		if line := doubt(d, mine, name); line != "" {
			out = append(out, line)
		}
	}
	return out
}

// holding splits the joins of an asset into those that connect something not yet
// connected and the values that agree besides.
func holding(res Result, mine func(int64) bool) (tree []Join, also []string) {
	connected := classes{}
	text := func(r int64) string { return fmt.Sprint(r) }
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
		} else if w := describe(j.Key); !slices.Contains(also, w) {
			also = append(also, w)
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

func doubt(d Demotion, mine func(int64) bool, name func(int64) string) string {
	if d.A == 0 {
		return fmt.Sprintf("The %s joins nothing: %s.", describe(d.Key), d.Reason)
	}
	if !mine(d.A) && !mine(d.B) {
		return ""
	}
	return fmt.Sprintf("The %s joins nothing: %s and %s both have it and cannot be one asset (%s).", describe(d.Key), name(d.A), name(d.B), d.Reason)
}

// Describe is a value with what it is and where it counts.
func Describe(k Key) string { return describe(k) }

func describe(k Key) string {
	text := typeWords(k.Type)
	if k.Value != "" {
		text += " " + k.Value
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
