package software

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const maxPluginJars = 20

// jetbrains reads one folder of plugins, or on Linux of one program's, in which each plugin
// is a folder with lib/*.jar or a single archive. One of the archives describes it.
func jetbrains(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		for _, e := range f.list(".") {
			jars := []string{e.Name()}
			if e.IsDir() {
				jars = f.glob(e.Name() + "/lib/*.jar")
			} else if path.Ext(e.Name()) != ".jar" {
				continue
			}
			for _, jar := range firstNamed(jars, e.Name()) {
				if s := jetbrainsPlugin(f, jar); s.Name != "" {
					s.Path = f.at(e.Name())
					list = append(list, s)
					break
				}
			}
		}
	})
	return list
}

// firstNamed puts the archive that has the plugin's name first, and bounds them.
func firstNamed(jars []string, plugin string) []string {
	for i, jar := range jars {
		if strings.HasPrefix(strings.ToLower(path.Base(jar)), strings.ToLower(plugin)) {
			jars[0], jars[i] = jars[i], jars[0]
			break
		}
	}
	return jars[:min(len(jars), maxPluginJars)]
}

func jetbrainsPlugin(f *finder, jar string) inventory.Software {
	file := f.open(jar)
	if file == nil {
		return inventory.Software{}
	}
	defer func() { _ = file.Close() }() // only read
	info, err := file.Stat()
	if err != nil {
		return inventory.Software{}
	}
	s, err := ParseJetBrains(file, info.Size())
	if err != nil {
		f.note(jar, err)
	}
	return s
}

// ParseJetBrains reads META-INF/plugin.xml in a plugin's archive
// (https://plugins.jetbrains.com/docs/intellij/plugin-configuration-file.html). It has no
// name when the archive is not the one that describes the plugin.
func ParseJetBrains(r io.ReaderAt, size int64) (inventory.Software, error) {
	members, err := zipMembers(r, size, func(name []byte) bool { return string(name) == "META-INF/plugin.xml" })
	if err != nil {
		return inventory.Software{}, fmt.Errorf("read plugin: %w", err)
	}
	s := inventory.Software{Source: "jetbrains", Kind: inventory.KindExtension}
	fields := map[string]*string{"name": &s.Name, "version": &s.Version, "vendor": &s.Publisher}
	err = visitXML(bytes.NewReader(utf8Text(members["META-INF/plugin.xml"])), func([]string, []xml.Attr) error { return nil },
		func(path []string, text string) error {
			if field := fields[path[len(path)-1]]; len(path) == 2 && field != nil && *field == "" {
				*field = source.Text(text)
			}
			return nil
		})
	if err != nil && s.Name == "" { // the beginning is enough
		return s, fmt.Errorf("parse plugin.xml: %w", err)
	}
	return s, nil
}
