package software

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// javaLibraries lists the archives in a folder of libraries of an application server or of
// an application in it.
func javaLibraries(f *finder, dir string) []inventory.Software {
	var list []inventory.Software
	f.within(dir, func(f *finder) {
		for _, e := range f.list(".") {
			if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), ".jar") {
				continue
			}
			file := f.open(e.Name())
			if file == nil {
				continue
			}
			info, err := file.Stat()
			var s inventory.Software
			if err == nil {
				s, err = ParseJar(e.Name(), file, info.Size())
			}
			_ = file.Close() // only read
			if err != nil {
				f.note(e.Name(), err)
				continue
			}
			s.Path, s.Bytes = f.at(e.Name()), info.Size()
			list = append(list, s)
		}
	})
	return list
}

// ParseJar tells what a Java archive is: by Maven's pom.properties
// (https://maven.apache.org/shared/maven-archiver/#pom-properties-content), or else by its manifest
// (https://docs.oracle.com/en/java/javase/21/docs/specs/jar/jar.html#main-attributes) and that
// of OSGi. It has no name when neither tells. Of an archive that took others into itself,
// the one after which the file is named counts.
func ParseJar(file string, r io.ReaderAt, size int64) (inventory.Software, error) {
	members, err := zipMembers(r, size, func(name []byte) bool {
		return string(name) == "META-INF/MANIFEST.MF" ||
			bytes.HasPrefix(name, []byte("META-INF/maven/")) && bytes.HasSuffix(name, []byte("/pom.properties"))
	})
	if err != nil {
		return inventory.Software{}, fmt.Errorf("read Java archive: %w", err)
	}
	manifest := properties(members["META-INF/MANIFEST.MF"], ":")
	s := inventory.Software{
		Source: "maven", Kind: inventory.KindLibrary,
		Publisher: source.Text(cmp.Or(manifest["Implementation-Vendor"], manifest["Bundle-Vendor"], manifest["Specification-Vendor"])),
	}
	delete(members, "META-INF/MANIFEST.MF")
	names := sortedKeys(members)
	for _, name := range names {
		pom := properties(members[name], "=")
		group, artifact, version := source.Text(pom["groupId"]), source.Text(pom["artifactId"]), source.Text(pom["version"])
		if artifact == "" || len(names) > 1 && !strings.HasPrefix(file, artifact+"-"+version) && file != artifact+".jar" {
			continue
		}
		s.Name, s.Version = source.Text(group+":"+artifact), version
		s.PURL = source.Text(packageURL("maven", group, artifact, version))
		return s, nil
	}
	symbolic, _, _ := strings.Cut(manifest["Bundle-SymbolicName"], ";")
	s.Name = source.Text(cmp.Or(manifest["Implementation-Title"], symbolic, manifest["Automatic-Module-Name"]))
	s.Version = source.Text(cmp.Or(manifest["Implementation-Version"], manifest["Bundle-Version"]))
	if s.Name == "" || s.Version == "" {
		s.Name, s.Version = jarName(file)
	}
	return s, nil
}

// jarName takes name and version from "commons-io-2.11.0.jar": the version begins with the
// first digit behind a hyphen.
func jarName(file string) (name, version string) {
	name = strings.TrimSuffix(path.Base(file), ".jar")
	for i := 1; i < len(name)-1; i++ {
		if name[i] == '-' && '0' <= name[i+1] && name[i+1] <= '9' {
			return source.Text(name[:i]), source.Text(name[i+1:])
		}
	}
	return source.Text(name), ""
}

// properties reads lines of a key and a value. It takes the main part of a manifest, which
// an empty line ends, and a comment in properties for a key that nobody asks for. Of
// a value that goes on in the next line it has the beginning.
func properties(b []byte, separator string) map[string]string {
	m := map[string]string{}
	for line := range bytes.Lines(b) {
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" && separator == ":" || len(m) == 200 {
			break
		}
		if key, value, ok := strings.Cut(text, separator); ok && !strings.HasPrefix(text, " ") {
			m[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}
	return m
}
