package software_test

import (
	"strings"
	"testing"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

// fuzz checks what parsers make of a text: all of it fit to be sent.
func fuzz(f *testing.F, parse func(text string) []inventory.Software, seeds ...string) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var named []inventory.Software
		for _, s := range parse(text) {
			if s.Name != "" {
				named = append(named, s)
			}
		}
		valid(t, named, nil)
	})
}

func one(s inventory.Software) []inventory.Software { return []inventory.Software{s} }

func FuzzParsePython(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software { return one(software.ParsePython([]byte(s))) }, python("a", "1"))
}

func FuzzParseConda(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		name, text, _ := strings.Cut(s, "\n")
		return one(software.ParseConda(name, []byte(text)))
	}, "numpy-1-py_0.json\n{\"channel\":\"https://u:p@h/t/x/main/noarch\"")
}

func FuzzParseNPM(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		p, _ := software.ParseNPM([]byte(s)) // empty with an error
		return one(p)
	}, `{"name":"@a/b","version":"1","author":{"name":"x"}}`, `{"name":"a","author":"x (y) <z>"}`)
}

func FuzzParseGemspec(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software { return one(software.ParseGemspec([]byte(s))) },
		"# stub: rake 13.0.6 ruby lib\n  s.authors = [\"A\".freeze, \"B\"]\n")
}

func FuzzParseCargo(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		list, _ := software.ParseCargo([]byte(s)) // none with an error
		return list
	}, `{"installs":{"a 1 (registry+https://github.com/rust-lang/crates.io-index)":{}}}`)
}

func FuzzParseComposer(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		list, _ := software.ParseComposer([]byte(s)) // none with an error
		return list
	}, `{"packages":[{"name":"a/b","version":"1"}]}`, `[{}]`)
}

func FuzzParseGoProgram(f *testing.F) {
	elf := "\x7fELF\x02\x01" + strings.Repeat("\x00", 34) + "\x40\x00\x00\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 12) + "\x02\x00\x01\x00" + strings.Repeat("\x00", 200)
	fuzz(f, func(s string) []inventory.Software { return one(software.ParseGoProgram(strings.NewReader(s))) },
		elf, "MZ"+strings.Repeat("\x00", 58)+"\x40\x00\x00\x00PE\x00\x00\x00\x00\x01\x00"+strings.Repeat("\x00", 100),
		"\xcf\xfa\xed\xfe"+strings.Repeat("\x00", 12)+"\x01\x00\x00\x00\x98\x00\x00\x00"+strings.Repeat("\x00", 8)+"\x19\x00\x00\x00\x98\x00\x00\x00"+strings.Repeat("\x00", 64)+"__go_buildinfo\x00"+strings.Repeat("\x01", 80),
		"\xca\xfe\xba\xbe\x00\x00\x00\x01"+strings.Repeat("\x00", 11)+"\x20"+strings.Repeat("\x00", 80),
		"x\xff Go buildinf:\x08\x02")
}

func FuzzParseJar(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		p, _ := software.ParseJar("a-1.jar", strings.NewReader(s), int64(len(s))) // empty with an error
		return one(p)
	}, archive(f, map[string]string{"META-INF/MANIFEST.MF": "Implementation-Title: a\n", "META-INF/maven/a/a/pom.properties": "artifactId=a\n"}))
}

func FuzzParseJetBrains(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		p, _ := software.ParseJetBrains(strings.NewReader(s), int64(len(s))) // empty with an error
		return one(p)
	}, archive(f, map[string]string{"META-INF/plugin.xml": "<p><name>a</name></p>"}))
}

func FuzzParseJavaRelease(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software { return one(software.ParseJavaRelease([]byte(s), []byte(s))) }, javaRelease)
}

// What describes database engines: a header, a log, or Oracle's XML.
func FuzzParseDatabases(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		b := []byte(s)
		software.ParseOracleInventory(b)
		return []inventory.Software{
			software.ParsePostgreSQL(b), software.ParseMySQL(b), software.ParseSQLServerLog(b), software.ParseOracleHome(b, b),
		}
	}, "#define PG_VERSION \"16\"\n#define MYSQL_SERVER_VERSION \"8-MariaDB\"\n", "\xff\xfeM\x00", "Microsoft SQL Server 2022 (x) - 16.0 y\nE Edition",
		`<HOME LOC="x"/><COMP NAME="oracle.server" VER="1"><VAR NAME="oracle_install_db_InstallType" VALUE="&lt;"/>`)
}

func FuzzParseChromium(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		software.ParseChromiumMessage([]byte(s), "name")
		p, _, _ := software.ParseChromiumManifest([]byte(s)) // empty with an error
		return one(p)
	}, `{"name":"a","version":"1","default_locale":"en"}`, `{"NAME":{"message":"x"}}`)
}

func FuzzParseMozilla(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		list, _ := software.ParseMozilla([]byte(s)) // none with an error
		return list
	}, addons)
}

func FuzzParseVSCode(f *testing.F) {
	fuzz(f, func(s string) []inventory.Software {
		list, _ := software.ParseVSCode([]byte(s)) // none with an error
		return list
	}, codeExtensions)
}
