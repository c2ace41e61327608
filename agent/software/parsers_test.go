package software_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

func TestParsePython(t *testing.T) {
	tests := []struct {
		name, text string
		want       inventory.Software
	}{
		{"headers", "Metadata-Version: 2.1\r\nName: My_Pkg\r\nVersion: 1.0+local\r\nAuthor: Ann <ann@example.org>\r\n\r\nVersion: 9\n", inventory.Software{
			Source: "pip", Kind: inventory.KindLibrary, Name: "My_Pkg", Version: "1.0+local", Publisher: "Ann", PURL: "pkg:pypi/my-pkg@1.0%2Blocal",
		}},
		{"an address for a name", "Name: a\nAuthor: ann@example.org\n", inventory.Software{Source: "pip", Kind: inventory.KindLibrary, Name: "a"}},
		{"cut", "Name: a\nVersion: 1\nAuthor: " + strings.Repeat("x", 4<<10), inventory.Software{
			Source: "pip", Kind: inventory.KindLibrary, Name: "a", Version: "1", PURL: "pkg:pypi/a@1",
		}},
		{"nothing", "", inventory.Software{Source: "pip", Kind: inventory.KindLibrary}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := []byte(tt.text)
			if diff := cmp.Diff(tt.want, software.ParsePython(b[:min(len(b), 4<<10)])); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestParseConda(t *testing.T) {
	tests := []struct{ file, text, name, version, channel string }{
		{"scikit-learn-1.4.1-py312h_0.json", `{"build":"x","channel":"https://conda.anaconda.org/conda-forge/linux-64","files":[1`, "scikit-learn", "1.4.1", "conda.anaconda.org/conda-forge"},
		{"a-1-0.json", `{"channel":"https://user:secret@host.example/t/tk-token/private/noarch"`, "a", "1", "host.example/private"},
		{"a-1-0.json", `{"channel":"https://repo.anaconda.com/pkgs/main/osx-arm64"`, "a", "1", "repo.anaconda.com/pkgs/main"},
		{"a-1-0.json", `{"channel":7}`, "a", "1", ""},
		{"a-1-0.json", `[`, "a", "1", ""},
		{"nothing.json", `{}`, "", "", ""},
	}
	for _, tt := range tests {
		s := software.ParseConda(tt.file, []byte(tt.text))
		if s.Name != tt.name || s.Version != tt.version || s.Publisher != tt.channel {
			t.Errorf("%s %s: got %+v", tt.file, tt.text, s)
		}
	}
}

func TestParseGemspec(t *testing.T) {
	got := software.ParseGemspec([]byte("# stub: nokogiri 1.16.2 x86_64-linux lib\n# stub: other 1 ruby\n  s.authors = [\"A <a@x>\".freeze, \"b@x\", \"C\", \"D\"]\n"))
	want := inventory.Software{
		Source: "gem", Kind: inventory.KindLibrary, Name: "nokogiri", Version: "1.16.2", Arch: "x86_64-linux", Publisher: "A, C, D", PURL: "pkg:gem/nokogiri@1.16.2",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestParseComposer(t *testing.T) {
	for _, text := range []string{
		`{"dev":true,"packages":[{"name":"Laravel/Pint","version":"v1.14.0"},{"name":7},3]}`,
		`[{"name":"Laravel/Pint","version":"v1.14.0","extra":{"deep":[[]]}}]`,
	} {
		got, err := software.ParseComposer([]byte(text))
		want := []inventory.Software{{
			Source: "composer", Kind: inventory.KindLibrary, Name: "Laravel/Pint", Version: "v1.14.0", Publisher: "Laravel", PURL: "pkg:composer/laravel/pint@v1.14.0",
		}}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v, -want +got:\n%s", text, err, diff)
		}
	}
	// A file that is being written is not taken for a short list.
	for _, text := range []string{`{"packages":[{"name":"a/b"}`, `{"packages":[{"name":"a/b"},`, `{"other":1`, `[`, `{"packages":[{"name":"a/b"}}`} {
		if list, err := software.ParseComposer([]byte(text)); err == nil {
			t.Errorf("%s: no error but %v", text, list)
		}
	}
	if _, err := software.ParseComposer([]byte(`{"packages":[` + strings.Repeat(`{},`, 30_000) + `{}]}`)); err == nil {
		t.Error("more items than the bound: no error")
	}
}

func TestParseMozilla(t *testing.T) {
	want := []inventory.Software{
		{Kind: inventory.KindExtension, Name: "Blocker", Version: "1.57", Publisher: "R. H.", Installed: "2024-04-24"},
		{Kind: inventory.KindExtension, Name: "odd@x"},
	}
	got, err := software.ParseMozilla([]byte(addons))
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, -want +got:\n%s", err, diff)
	}
}

func TestParseJar(t *testing.T) {
	const pom = "META-INF/maven/g/a/pom.properties"
	tests := []struct {
		name, file           string
		members              map[string]string
		artefact, version    string
		publisher, purl, err string
	}{
		{name: "Maven", file: "x.jar", members: map[string]string{pom: "version=1.2\r\ngroupId=org.g\r\nartifactId=a\r\n", "B.class": "x"},
			artefact: "org.g:a", version: "1.2", purl: "pkg:maven/org.g/a@1.2"},
		{name: "shaded", file: "b-2.0.jar", members: map[string]string{pom: "groupId=g\nartifactId=a\nversion=1\n", "META-INF/maven/g/b/pom.properties": "groupId=g\nartifactId=b\nversion=2.0\n"},
			artefact: "g:b", version: "2.0", purl: "pkg:maven/g/b@2.0"},
		{name: "manifest", file: "y.jar", members: map[string]string{"META-INF/MANIFEST.MF": "Implementation-Title: Y\r\nImplementation-Version: 3\r\nImplementation-Vendor: Ven\r\n dor\r\n\r\nName: part\r\nImplementation-Version: 9\r\n"},
			artefact: "Y", version: "3", publisher: "Ven"},
		{name: "OSGi", file: "z.jar", members: map[string]string{"META-INF/MANIFEST.MF": "Bundle-SymbolicName: org.z;singleton:=true\nBundle-Version: 4.0.0\nBundle-Vendor: Z\n"},
			artefact: "org.z", version: "4.0.0", publisher: "Z"},
		{name: "only a name", file: "my-lib-5.1-beta.jar", members: map[string]string{"A.class": ""}, artefact: "my-lib", version: "5.1-beta"},
		{name: "no version", file: "lib.jar", members: map[string]string{"A.class": ""}, artefact: "lib"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := archive(t, tt.members)
			got, err := software.ParseJar(tt.file, strings.NewReader(text), int64(len(text)))
			want := inventory.Software{Source: "maven", Kind: inventory.KindLibrary, Name: tt.artefact, Version: tt.version, Publisher: tt.publisher, PURL: tt.purl}
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v, -want +got:\n%s", err, diff)
			}
		})
	}
	for _, text := range []string{"", "PK", strings.Repeat("x", 1<<17), archive(t, map[string]string{"META-INF/MANIFEST.MF": "x"})[40:]} {
		if s, err := software.ParseJar("x.jar", strings.NewReader(text), int64(len(text))); err == nil {
			t.Errorf("%.20q: no error but %+v", text, s)
		}
	}
	many := map[string]string{}
	for i := range 100 {
		many["META-INF/maven/"+strings.Repeat("x", i)+"/pom.properties"] = ""
	}
	text := archive(t, many)
	if _, err := software.ParseJar("x.jar", strings.NewReader(text), int64(len(text))); err == nil {
		t.Error("more descriptions than the bound: no error")
	}
	// A member that unpacks to a thousand times its size is cut.
	bomb := archive(t, map[string]string{"META-INF/MANIFEST.MF": "Bundle-Version: 1\nBundle-SymbolicName: b\n" + strings.Repeat(" ", 64<<20)})
	if s, err := software.ParseJar("x.jar", strings.NewReader(bomb), int64(len(bomb))); err != nil || s.Name != "b" {
		t.Errorf("bomb: %+v, %v", s, err)
	}
}

func TestParseJavaRelease(t *testing.T) {
	tests := []struct{ name, release, licence, version, publisher, edition string }{
		{"Temurin", javaRelease, "", "21.0.4", "Eclipse Adoptium", "Temurin"},
		{"Debian", "IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\n", "", "17.0.15", "Debian", "OpenJDK"},
		{"Zulu", "IMPLEMENTOR=\"Azul Systems, Inc.\"\nIMPLEMENTOR_VERSION=\"Zulu21.32+17-CA\"\nJAVA_VERSION=\"21.0.2\"\n", "", "21.0.2", "Azul Systems, Inc.", "Zulu"},
		{"Oracle 8", "JAVA_VERSION=\"1.8.0_291\"\nOS_ARCH=\"amd64\"\nBUILD_TYPE=\"commercial\"\n", "", "1.8.0_291", "Oracle Corporation", "Oracle JDK"},
		{"Oracle 11", "IMPLEMENTOR=\"Oracle Corporation\"\nIMPLEMENTOR_VERSION=\"18.9\"\nJAVA_VERSION=\"11.0.24\"\n", "Oracle Technology Network License Agreement for Oracle Java SE", "11.0.24", "Oracle Corporation", "Oracle JDK, OTN"},
		{"Oracle 21", "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"21.0.2\"\n", "Oracle No-Fee Terms and Conditions (NFTC)", "21.0.2", "Oracle Corporation", "Oracle JDK, NFTC"},
		{"Oracle's OpenJDK", "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"16.0.1\"\n", "The GNU General Public License (GPL)", "16.0.1", "Oracle Corporation", "OpenJDK"},
		{"Oracle, not told", "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"16.0.1\"\n", "", "16.0.1", "Oracle Corporation", ""},
		{"GraalVM", "GRAALVM_VERSION=\"23.1\"\nIMPLEMENTOR=\"GraalVM Community\"\nJAVA_VERSION=\"21\"\n", "", "21", "GraalVM Community", "GraalVM"},
		{"no version", "IMPLEMENTOR=\"x\"\n", "", "", "", ""},
	}
	for _, tt := range tests {
		s := software.ParseJavaRelease([]byte(tt.release), []byte(tt.licence))
		if s.Version != tt.version || s.Publisher != tt.publisher || s.Edition != tt.edition {
			t.Errorf("%s: got %+v", tt.name, s)
		}
	}
}

func TestParseSQLServerLog(t *testing.T) {
	const text = "2024 Server Microsoft SQL Server 2019 (RTM) - 15.0.4261.1 (X64) \r\n\tSep\r\n\tStandard Edition (64-bit) on Windows Server\r\n"
	wide := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(text)) {
		wide = append(wide, byte(u), byte(u>>8))
	}
	want := inventory.Software{Name: "Microsoft SQL Server 2019", Version: "15.0.4261.1", Publisher: "Microsoft Corporation", Edition: "Standard"}
	for _, b := range [][]byte{[]byte(text), wide} {
		if diff := cmp.Diff(want, software.ParseSQLServerLog(b)); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
	if s := software.ParseSQLServerLog([]byte("another log")); s.Name != "" {
		t.Errorf("another log: %+v", s)
	}
}

// The Go command is the judge of what is in a program, of each kind that readers meet.
func TestParseGoProgram(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "go.mod"), "module example.org/Tool/v2\n\ngo 1.20\n")
	write(t, filepath.Join(dir, "cmd/tool/main.go"), "package main\n\nfunc main() {}\n")
	for _, target := range []struct{ os, arch string }{
		{"linux", "amd64"}, {"darwin", "arm64"}, {"windows", "amd64"},
	} {
		t.Run(target.os+"/"+target.arch, func(t *testing.T) {
			program := filepath.Join(t.TempDir(), "tool")
			cmd := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-ldflags=-s -w", "-o", program, "./cmd/tool")
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "GOOS="+target.os, "GOARCH="+target.arch, "CGO_ENABLED=0", "GOFLAGS=-mod=mod")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			b, err := os.ReadFile(program)
			if err != nil {
				t.Fatal(err)
			}
			s := software.ParseGoProgram(bytes.NewReader(b))
			if s.Name != "example.org/Tool/v2/cmd/tool" || s.Version != "" || s.Arch != target.arch {
				t.Errorf("got %+v", s)
			}
			if s := software.ParseGoProgram(bytes.NewReader(b[:len(b)/8])); s.Name != "" && target.os == "linux" {
				t.Errorf("an eighth of it: %+v", s) // its section headers are at the end
			}
		})
	}
	for _, other := range []string{"/bin/sh", "/etc/passwd"} {
		b, err := os.ReadFile(other)
		if err != nil {
			t.Fatal(err)
		}
		if s := software.ParseGoProgram(bytes.NewReader(b)); s.Name != "" {
			t.Errorf("%s: %+v", other, s)
		}
	}
}

func TestLaterVersion(t *testing.T) {
	tests := []struct {
		a, b string
		want bool
	}{{"1.10.0_0", "1.9.9_0", true}, {"1.9.9_0", "1.10.0_0", false}, {"1.0", "1.0", false}, {"1.0_1", "1.0_0", true}, {"2", "", true}}
	for _, tt := range tests {
		if got := software.LaterVersion(tt.a, tt.b); got != tt.want {
			t.Errorf("LaterVersion(%q, %q) = %v", tt.a, tt.b, got)
		}
	}
}
