package software

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"errors"
	"io"
	"slices"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// ParseFlatpakDeploy reads the size and version that flatpak noted when it deployed an
// application or runtime. The file is a GVariant of the type (ssasta{sv}): origin, commit,
// parts, installed size (in network byte order), and by name what else is known
// (https://docs.gtk.org/glib/gvariant-format.html; flatpak, common/flatpak-dir.c).
func ParseFlatpakDeploy(b []byte) (version string, size int64, err error) {
	width := 1 // of the offsets at the end, which say where the first three members end
	switch {
	case len(b) > 0xffff:
		width = 4
	case len(b) > 0xff:
		width = 2
	}
	if len(b) < 3*width {
		return "", 0, errors.New("deploy file is cut")
	}
	last := b[len(b)-3*width:]
	end := uint64(0) // of the third one
	for i := range width {
		end |= uint64(last[i]) << (8 * i)
	}
	if end = (end + 7) &^ 7; end+8 > uint64(len(b)) {
		return "", 0, errors.New("deploy file is damaged")
	}
	if n := binary.BigEndian.Uint64(b[end:]); n < 1<<62 {
		size = int64(n)
	}
	return variantText(b[end+8:], "appdata-version"), size, nil
}

// variantText is the text of that name in an a{sv}: entries begin at multiples of 8, and
// so does the value after the name and its NUL.
func variantText(b []byte, name string) string {
	key := append([]byte(name), 0)
	for at := 0; at < len(b); at += 8 {
		if !bytes.HasPrefix(b[at:], key) {
			continue
		}
		value := at + (len(key)+7)&^7
		if value >= len(b) {
			return ""
		}
		// The value, its NUL, and the NUL and letter of its type.
		if n := bytes.IndexByte(b[value:], 0); n >= 0 && bytes.HasPrefix(b[value+n:], []byte("\x00\x00s")) {
			return source.Text(string(b[value : value+n]))
		}
	}
	return ""
}

// ParseMetainfo reads version and developer from AppStream metadata
// (https://www.freedesktop.org/software/appstream/docs/chap-Metadata.html). The newest
// release comes first; of translations the untranslated text counts.
func ParseMetainfo(r io.Reader) (version, developer string, err error) {
	translated := false
	err = visitXML(r, func(path []string, attributes []xml.Attr) error {
		translated = attribute(attributes, "lang") != ""
		if version == "" && slices.Equal(path, []string{"component", "releases", "release"}) {
			version = source.Text(attribute(attributes, "version"))
		}
		return nil
	}, func(path []string, text string) error {
		if developer == "" && !translated && (slices.Equal(path, []string{"component", "developer", "name"}) ||
			slices.Equal(path, []string{"component", "developer_name"})) {
			developer = source.Text(text)
		}
		return nil
	})
	return version, developer, err
}

// flatpakSoftware is an application or runtime. The branch stands for a version that is
// not known: that of a runtime is one, as in org.gnome.Platform 46.
func flatpakSoftware(kind, id, arch, branch, version string) inventory.Software {
	s := inventory.Software{Source: "flatpak", Name: source.Text(id), Arch: source.Text(arch), Version: version}
	if s.Version == "" {
		s.Version = source.Text(branch)
	}
	if kind == "runtime" {
		s.Kind = inventory.KindSystemComponent
	}
	return s
}
