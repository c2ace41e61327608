package software

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"slices"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParseSWID reads a software identification tag, of ISO/IEC 19770-2:2015 (described in
// NISTIR 8060, https://doi.org/10.6028/NIST.IR.8060) or of the edition of 2009. ok is
// false for tags that describe nothing that is installed: installation media and
// supplements to other tags.
func ParseSWID(b []byte) (s inventory.Software, ok bool, err error) {
	t := swidTag{ok: true}
	if err := visitXML(bytes.NewReader(utf8Text(b)), t.start, t.text); err != nil {
		return s, false, err
	}
	if t.root == "" || t.name == "" {
		return s, false, errors.New("no software identification tag, or one without a name")
	}
	s = inventory.Software{
		Source: "swid", Name: source.Text(t.name), Version: source.Text(t.version), Publisher: source.Text(t.creator),
		Edition: source.Text(t.edition),
	}
	if t.patch {
		s.Kind = inventory.KindUpdate
	}
	if t.id != "" && t.creator != "" {
		// https://github.com/package-url/purl-spec, type swid: the creator is the namespace
		s.PURL = source.Text(packageURL("swid", t.creator, t.name, t.version, "tag_id", t.id))
	}
	return s, t.ok && s.Name != "", nil
}

type swidTag struct {
	root, name, version, id, creator, edition string

	ok, patch bool
}

func (t *swidTag) start(path []string, attributes []xml.Attr) error {
	switch {
	case len(path) == 1:
		t.root = path[0]
		switch t.root {
		case "SoftwareIdentity":
			t.name, t.version, t.id = attribute(attributes, "name"), attribute(attributes, "version"), attribute(attributes, "tagId")
			t.patch = attribute(attributes, "patch") == "true"
			t.ok = attribute(attributes, "corpus") != "true" && attribute(attributes, "supplemental") != "true"
		case "software_identification_tag":
		default:
			return errors.New("no software identification tag")
		}
	case len(path) == 2 && path[1] == "Entity":
		// softwareCreator in the standard, softwareCreator or software_creator in tags
		roles := strings.Fields(strings.ReplaceAll(strings.ToLower(attribute(attributes, "role")), "_", ""))
		if t.creator == "" && slices.Contains(roles, "softwarecreator") {
			t.creator = attribute(attributes, "name")
		}
	case len(path) == 2 && path[1] == "Meta" && t.edition == "":
		t.edition = attribute(attributes, "edition")
	}
	return nil
}

// text takes the values of the edition of 2009, which has elements for attributes.
func (t *swidTag) text(path []string, text string) error {
	if t.root != "software_identification_tag" {
		return nil
	}
	switch strings.Join(path[1:], "/") {
	case "product_title":
		t.name = text
	case "product_version/name":
		t.version = text
	case "software_creator/name":
		t.creator = text
	case "software_id/unique_id":
		t.id = text
	}
	return nil
}

// swid lists the tags in directories that match the patterns.
func swid(patterns ...string) func(context.Context, *source.Tree) (inventory.SoftwareList, error) {
	return func(ctx context.Context, tree *source.Tree) (inventory.SoftwareList, error) {
		list, bad := inventory.SoftwareList{}, 0
		known := map[string]bool{}
		for _, pattern := range patterns {
			for _, name := range glob(tree, pattern+"/*.swidtag") {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				b, err := tree.ReadFile(name, 4<<20)
				if err != nil {
					bad++
					continue
				}
				s, ok, err := ParseSWID(b)
				if err != nil {
					bad++
					continue
				}
				if key := s.Name + "|" + s.Version; ok && !known[key] && len(list) < inventory.MaxItems {
					known[key] = true
					s.Path = source.Text("/" + name)
					list = append(list, s)
				}
			}
		}
		switch {
		case bad > 0:
			return list, source.Partial("%d software identification tags could not be read", bad)
		case len(list) == 0:
			return nil, source.Unsupported("no software identification tags (*.swidtag)")
		}
		return list, nil
	}
}
