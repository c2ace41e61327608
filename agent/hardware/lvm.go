package hardware

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// lvmNode is a section of LVM's text metadata (lvm.conf(5) has the syntax, vgcfgbackup(8)
// and lib/format_text of LVM2 what is in it): values are numbers, quoted texts, or lists
// of them.
type lvmNode struct {
	name     string
	values   map[string][]string
	sections []*lvmNode
}

func (n *lvmNode) section(name string) *lvmNode {
	for _, s := range n.sections {
		if s.name == name {
			return s
		}
	}
	return &lvmNode{}
}

func (n *lvmNode) text(key string) string {
	if v := n.values[key]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// number is 0 for what is not a sensible count of sectors or extents.
func (n *lvmNode) number(key string) int64 {
	v, err := strconv.ParseInt(n.text(key), 10, 53)
	if err != nil || v < 0 {
		return 0
	}
	return v
}

const (
	maxLVMDepth = 8
	maxLVMWords = 1 << 20
)

// parseLVM reads a file of /etc/lvm/backup.
func parseLVM(text string) (*lvmNode, error) {
	root := &lvmNode{values: map[string][]string{}}
	stack := []*lvmNode{root}
	words := lvmWords{rest: text}
	for range maxLVMWords {
		word, ok := words.next()
		if !ok {
			if len(stack) > 1 {
				return nil, fmt.Errorf("LVM metadata: section %q does not end", stack[len(stack)-1].name)
			}
			return root, nil
		}
		at := stack[len(stack)-1]
		if word == "}" {
			if len(stack) == 1 {
				return nil, errors.New("LVM metadata: } without a section")
			}
			stack = stack[:len(stack)-1]
			continue
		}
		switch sign, _ := words.next(); sign {
		case "{":
			if len(stack) == maxLVMDepth {
				return nil, fmt.Errorf("LVM metadata: sections more than %d deep", maxLVMDepth)
			}
			child := &lvmNode{name: word, values: map[string][]string{}}
			at.sections = append(at.sections, child)
			stack = append(stack, child)
		case "=":
			at.values[word] = words.value()
		default:
			return nil, fmt.Errorf("LVM metadata: %.40q after %.40q", sign, word)
		}
	}
	return nil, fmt.Errorf("LVM metadata: more than %d words", maxLVMWords)
}

// lvmWords parts a text into signs, texts without their quotes, and other words.
type lvmWords struct{ rest string }

func (w *lvmWords) next() (string, bool) {
	for {
		w.rest = strings.TrimLeft(w.rest, " \t\r\n,")
		if !strings.HasPrefix(w.rest, "#") {
			break
		}
		_, w.rest, _ = strings.Cut(w.rest, "\n")
	}
	switch {
	case w.rest == "":
		return "", false
	case w.rest[0] == '"':
		var b strings.Builder
		for i := 1; i < len(w.rest); i++ {
			switch c := w.rest[i]; {
			case c == '"':
				w.rest = w.rest[i+1:]
				return b.String(), true
			case c == '\\' && i+1 < len(w.rest):
				i++
				b.WriteByte(w.rest[i])
			default:
				b.WriteByte(c)
			}
		}
		w.rest = ""
		return b.String(), true
	}
	end := 1
	if !strings.ContainsRune("{}[]=", rune(w.rest[0])) {
		if end = strings.IndexAny(w.rest, " \t\r\n,{}[]=#\""); end < 0 {
			end = len(w.rest)
		}
	}
	word := w.rest[:end]
	w.rest = w.rest[end:]
	return word, true
}

func (w *lvmWords) value() []string {
	word, _ := w.next()
	if word != "[" {
		return []string{word}
	}
	var list []string
	for {
		word, ok := w.next()
		if !ok || word == "]" {
			return list
		}
		list = append(list, word)
	}
}

// lvmGroup is a volume group with what belongs to it.
type lvmGroup struct {
	group            inventory.Volume
	physical, volume []inventory.Volume // a physical volume's name is only a hint: disks are renamed
}

// lvmGroups reads the volume groups in a file of /etc/lvm/backup. Sizes are in sectors of
// 512 bytes and in extents of so many sectors.
func lvmGroups(text string) ([]lvmGroup, error) {
	root, err := parseLVM(text)
	if err != nil {
		return nil, err
	}
	var out []lvmGroup
	for _, vg := range root.sections {
		extent := vg.number("extent_size")
		name := source.Text(vg.name)
		g := lvmGroup{group: inventory.Volume{Type: "lvm_vg", Name: name, UUID: source.Text(vg.text("id"))}}
		free, physical := int64(0), map[string]bool{}
		for _, pv := range vg.section("physical_volumes").sections {
			physical[pv.name] = true
			free += pv.number("pe_count")
			g.physical = append(g.physical, inventory.Volume{
				Type: "lvm_pv", Name: source.Text(pv.text("device")), UUID: source.Text(pv.text("id")), Bytes: lvmBytes(pv.number("dev_size"), 1),
			})
		}
		g.group.Bytes = lvmBytes(free, extent)
		for _, lv := range vg.section("logical_volumes").sections {
			size := int64(0)
			for _, segment := range lv.sections {
				size += segment.number("extent_count")
				free -= segment.onDisks(physical)
			}
			if slices.Contains(lv.values["status"], "VISIBLE") { // the others are parts of these
				g.volume = append(g.volume, inventory.Volume{
					Type: "lvm_lv", Name: name + "/" + source.Text(lv.name), UUID: source.Text(lv.text("id")),
					Level: lv.level(), Bytes: lvmBytes(size, extent),
				})
			}
		}
		g.group.FreeBytes = lvmBytes(max(free, 0), extent)
		out = append(out, g)
	}
	return out, nil
}

func lvmBytes(count, sectors int64) int64 {
	if n := count * sectors; count > 0 && sectors > 0 && n/count == sectors && n < 1<<53 {
		return n * 512
	}
	return 0
}

// onDisks counts the extents of a segment that are on physical volumes: those of the
// stripes that name one. Other kinds of segments are made of volumes.
func (n *lvmNode) onDisks(physical map[string]bool) int64 {
	stripes := n.values["stripes"] // name, first extent, name, first extent ...
	here := int64(0)
	for i := 0; i < len(stripes); i += 2 {
		if physical[stripes[i]] {
			here++
		}
	}
	if here == 0 {
		return 0
	}
	return n.number("extent_count") / int64((len(stripes)+1)/2) * here
}

// level is the kind of a volume's first segment, as lvs -o segtype names it.
func (n *lvmNode) level() string {
	if len(n.sections) == 0 {
		return ""
	}
	segment := n.sections[0]
	if kind := segment.text("type"); kind != "striped" || segment.number("stripe_count") > 1 {
		return source.Text(kind)
	}
	return "linear"
}

// lvmIDs reads the UUID that LVM gives a device of the mapper: "LVM-", 32 characters of
// the group's and 32 of the volume's, and for parts of volumes "-" and a word.
func lvmIDs(dmUUID string) (group, volume string, ok bool) {
	ids, ok := strings.CutPrefix(dmUUID, "LVM-")
	if !ok || len(ids) != 64 {
		return "", "", false
	}
	return lvmID(ids[:32]), lvmID(ids[32:]), true
}

// lvmID puts the hyphens where LVM shows them: 6-4-4-4-4-4-6.
func lvmID(s string) string {
	return strings.Join([]string{s[:6], s[6:10], s[10:14], s[14:18], s[18:22], s[22:26], s[26:]}, "-")
}

// lvmName parts the mapper's name of a volume at the single hyphen; hyphens of the names
// are doubled.
func lvmName(s string) (group, volume string) {
	for i := 1; i < len(s)-1; i++ {
		if s[i] != '-' {
			continue
		}
		if s[i+1] == '-' {
			i++
			continue
		}
		plain := strings.NewReplacer("--", "-")
		return plain.Replace(s[:i]), plain.Replace(s[i+1:])
	}
	return "", ""
}

// lvmPart says whether a name is that of a part of a volume: LVM reserves these words (lvm(8)).
func lvmPart(name string) bool {
	for _, word := range []string{
		"_cdata", "_cmeta", "_corig", "_cvol", "_iorig", "_imeta", "_mimage", "_mlog", "_pmspare", "_rimage", "_rmeta",
		"_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig",
	} {
		if strings.Contains(name, word) {
			return true
		}
	}
	return false
}
