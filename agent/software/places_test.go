package software_test

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// plant writes files into a new folder. A name that ends in a slash is a folder.
func plant(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(filepath.Join(root, name), 0o755); err != nil {
				t.Fatal(err)
			}
			continue
		}
		write(t, filepath.Join(root, name), text)
	}
	return root
}

// archive makes a ZIP archive.
func archive(t testing.TB, members map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range members {
		m, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// lookAll runs the sources for places over a tree and writes each thing found on a line.
func lookAll(t *testing.T, root string, places software.Places) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for _, s := range software.PlaceSources(root, places) {
		body, err := s.Read(t.Context())
		if status, reason := source.Status(err); status != inventory.StatusOK && status != inventory.StatusUnsupported {
			t.Errorf("%s: %s %s", s.Name, status, reason)
		}
		if body == nil {
			continue
		}
		list := body.(inventory.SoftwareList)
		valid(t, list, nil)
		for _, i := range list {
			if (i.User != "") != (s.Category == source.CategoryUserSoftware) {
				t.Errorf("%s: user %q in a source of category %q", s.Name, i.User, s.Category)
			}
			line := strings.TrimSpace(strings.Join([]string{i.Source, i.Name, i.Version, i.User, string(i.Kind), i.Edition, i.Path}, "|"))
			found[s.Name] = append(found[s.Name], line)
		}
	}
	return found
}

func python(name, version string) string {
	return "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nAuthor: A. Person <a@example.org>\n\nName: not-this\n"
}

const (
	javaRelease = "JAVA_VERSION=\"21.0.4\"\nIMPLEMENTOR=\"Eclipse Adoptium\"\nIMPLEMENTOR_VERSION=\"Temurin-21.0.4+7\"\nIMAGE_TYPE=\"JDK\"\n"
	extID       = "abcdefghijklmnopabcdefghijklmnop"
	addons      = `{"schemaVersion":36,"addons":[
		{"id":"u@x","version":"1.57","type":"extension","location":"app-profile","defaultLocale":{"name":"Blocker","creator":"R. H."},"installDate":1714000000000},
		{"id":"builtin@mozilla","version":"1","location":"app-builtin-addons","defaultLocale":{"name":"Built in"}},
		{"id":"odd@x","version":7,"location":"app-profile","defaultLocale":"x"},"odd"]}`
	codeExtensions = `[{"identifier":{"id":"ms-python.python","uuid":"1"},"version":"2024.2.1","metadata":{"publisherDisplayName":"Microsoft"}},{},7]`
)

func chromiumFiles(profile string) map[string]string {
	return map[string]string{
		profile + "/Extensions/" + extID + "/1.9.0_0/manifest.json":              `{"name":"Old","version":"1.9.0"}`,
		profile + "/Extensions/" + extID + "/1.10.0_0/manifest.json":             `{"name":"__MSG_appName__","version":"1.10.0","default_locale":"en","author":{"email":"a@b"}}`,
		profile + "/Extensions/" + extID + "/1.10.0_0/_locales/en/messages.json": `{"APPNAME":{"message":"Blocker"}}`,
		profile + "/Extensions/Temp/x":                                           "",
	}
}

func TestLinuxPlaces(t *testing.T) {
	files := map[string]string{
		"etc/passwd": "root:x:0:0:root:/root:/bin/bash\nann:x:1000:1000::/home/ann:/bin/bash\nweb:x:33:33::/var/www:/usr/sbin/nologin\n" +
			"far:x:1001:1001::/home/net/far:/bin/sh\nslash:x:9:9::/:/bin/sh\nshort:x\n",
		"proc/self/mountinfo": "22 1 0:20 / / rw - ext4 /dev/sda1 rw\n30 22 0:40 / /home/net rw,relatime shared:1 - nfs4 server:/home rw\n",
		// The distribution's own, and what pip put among it.
		"usr/lib/python3/dist-packages/six-1.16.0.egg-info":                                                 python("six", "1.16.0"),
		"usr/lib/python3/dist-packages/PyYAML-6.0.dist-info/METADATA":                                       python("PyYAML", "6.0"),
		"usr/lib/python3.12/site-packages/rich-1.dist-info/METADATA":                                        python("rich", "1"),
		"usr/lib/python3.12/site-packages/rich-1.dist-info/INSTALLER":                                       "pip\n",
		"usr/local/lib/python3.11/dist-packages/Flask_Login-0.6.dist-info/METADATA":                         python("Flask_Login", "0.6"),
		"usr/local/lib/python3.11/dist-packages/old.egg-info/PKG-INFO":                                      python("old", "0.1"),
		"usr/local/lib/python3.11/dist-packages/egg-2.egg/EGG-INFO/PKG-INFO":                                python("egg", "2"),
		"usr/local/lib/python3.11/dist-packages/deb-1.dist-info/METADATA":                                   python("deb", "1"),
		"usr/local/lib/python3.11/dist-packages/deb-1.dist-info/INSTALLER":                                  "debian",
		"opt/app/venv/lib/python3.11/site-packages/gunicorn-21.2.0.dist-info/METADATA":                      python("gunicorn", "21.2.0"),
		"home/ann/.local/share/pipx/venvs/black/lib/python3.11/site-packages/black-24.1.dist-info/METADATA": python("black", "24.1"),
		"home/net/far/.local/lib/python3.11/site-packages/far-1.dist-info/METADATA":                         python("far", "1"),
		"home/bob/.cargo/.crates2.json":                                                                     `{"installs":{"ripgrep 14.1.0 (registry+https://github.com/rust-lang/crates.io-index)":{"bins":["rg"]},"mine 0.1.0 (path+file:///home/bob/mine)":{},"x":{}}}`,
		"opt/conda/conda-meta/numpy-1.26.4-py311h64a7726_0.json":                                            `{"arch":"x86_64","build":"py311","channel":"https://bob:pass@conda.anaconda.org/t/tk-secret/conda-forge/linux-64","files":[`,
		"opt/conda/conda-meta/history":                                                                      "",
		"usr/local/lib/node_modules/npm/package.json":                                                       `{"name":"npm","version":"10.2.4","author":"GitHub Inc. (https://x) <n@x>"}`,
		"usr/local/lib/node_modules/@angular/cli/package.json":                                              `{"name":"@angular/cli","version":"17.0.0","author":{"name":"Angular Authors"}}`,
		"usr/local/lib/node_modules/.package-lock.json":                                                     "{}",
		"home/ann/.nvm/versions/node/v20.1.0/lib/node_modules/yarn/package.json":                            `{"name":"yarn","version":"1.22.22"}`,
		"var/lib/gems/3.1.0/specifications/rake-13.0.6.gemspec":                                             "# -*- encoding: utf-8 -*-\n# stub: rake 13.0.6 ruby lib\n\nGem::Specification.new do |s|\n  s.authors = [\"Hiroshi SHIBATA\".freeze, \"Eric Hodel\".freeze]\n",
		"var/lib/gems/3.1.0/specifications/default/json-2.gemspec":                                          "# stub: json 2 ruby lib\n",
		"usr/share/tomcat10/webapps/app/WEB-INF/lib/commons-io-2.11.0.jar": archive(t, map[string]string{
			"META-INF/MANIFEST.MF":                                "Manifest-Version: 1.0\r\nImplementation-Vendor: The Apache Software Foundation\r\n",
			"META-INF/maven/commons-io/commons-io/pom.properties": "#made\ngroupId=commons-io\nartifactId=commons-io\nversion=2.11.0\n",
		}),
		"usr/lib/jvm/temurin/release":                                        javaRelease,
		"opt/jdk-21/release":                                                 "IMPLEMENTOR=\"Oracle Corporation\"\nJAVA_VERSION=\"21.0.2\"\nOS_ARCH=\"x86_64\"\n",
		"opt/jdk-21/legal/java.base/LICENSE":                                 "Oracle No-Fee Terms and Conditions (NFTC)\n",
		"home/ann/.jdks/corretto/release":                                    "IMPLEMENTOR=\"Amazon.com Inc.\"\nIMPLEMENTOR_VERSION=\"Corretto-17.0.9.8.1\"\nJAVA_VERSION=\"17.0.9\"\n",
		"usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1/":               "",
		"opt/dotnet/shared/Microsoft.AspNetCore.App/8.0.2/":                  "",
		"opt/dotnet/sdk/8.0.100/":                                            "",
		"opt/dotnet/sdk/NuGetFallbackFolder/":                                "",
		"etc/oraInst.loc":                                                    "inventory_loc=/u01/oraInventory\ninst_group=oinstall\n",
		"u01/oraInventory/ContentsXML/inventory.xml":                         `<HOME_LIST><HOME NAME="OraDB19" LOC="/u01/db" TYPE="O" IDX="1"/><HOME NAME="gone" LOC="/u01/gone" REMOVED="T"/></HOME_LIST>`,
		"u01/db/inventory/ContentsXML/comps.xml":                             `<PRD_LIST><TL_LIST><COMP NAME="oracle.server" VER="19.0.0.0.0" BUILD_NUMBER="0">`,
		"u01/db/inventory/globalvariables/oracle.server/globalvariables.xml": `<GLOBALVARS><VAR NAME="oracle_install_db_InstallType" TYPE="STRING" VALUE="EE"/></GLOBALVARS>`,
		"var/opt/mssql/log/errorlog": "2024-01-01 00:00:00.00 Server      Microsoft SQL Server 2022 (RTM-CU10) (KB5031778) - 16.0.4095.4 (X64) \n" +
			"\tOct 30 2023 16:12:44 \n\tCopyright (C) 2022 Microsoft Corporation\n\tDeveloper Edition (64-bit) on Linux (Ubuntu 22.04.3 LTS) <X64>\n",
		"opt/ibm/db2/V11.5/": "",
		"opt/mongodb-linux-x86_64-enterprise-ubuntu2204-7.0.5/": "",
		"usr/local/mysql/include/mysql_version.h":               "#define MYSQL_SERVER_VERSION       \"8.0.36\"\n#define MYSQL_COMPILATION_COMMENT \"MySQL Enterprise Server - Commercial\"\n",
		"opt/PostgreSQL/16/include/pg_config.h":                 "#define PG_VERSION \"16.2\"\n#define PG_VERSION_STR \"PostgreSQL 16.2 on x86_64\"\n",
		"home/ann/.mozilla/firefox/x1.default/extensions.json":  addons,
		"home/ann/.thunderbird/t.default/extensions.json":       `{"addons":[{"id":"cal@x","version":"2","location":"app-profile"}]}`,
		"home/ann/.vscode/extensions/extensions.json":           codeExtensions,
		"home/ann/.vscode-oss/extensions/a.b-1/package.json":    `{"publisher":"a","name":"b","version":"1"}`,
		"home/ann/.local/share/JetBrains/IntelliJIdea2024.1/vim/lib/vim.jar": archive(t, map[string]string{
			"META-INF/plugin.xml": "<idea-plugin>\n<id>v</id><name>Idea&amp;Vim</name><vendor url=\"x\">JetBrains</vendor><version>2.10.0</version></idea-plugin>",
		}),
	}
	for name, text := range chromiumFiles("home/ann/.config/google-chrome/Default") {
		files[name] = text
	}
	for name, text := range chromiumFiles("home/ann/.config/google-chrome/Profile 1") { // the same in another profile
		files[name] = text
	}
	want := map[string][]string{
		"pip": {
			"pip|rich|1||library||/usr/lib/python3.12/site-packages",
			"pip|Flask_Login|0.6||library||/usr/local/lib/python3.11/dist-packages",
			"pip|egg|2||library||/usr/local/lib/python3.11/dist-packages",
			"pip|old|0.1||library||/usr/local/lib/python3.11/dist-packages",
			"pip|gunicorn|21.2.0||library||/opt/app/venv/lib/python3.11/site-packages",
		},
		"conda": {"conda|numpy|1.26.4||library||/opt/conda"},
		"npm": {
			"npm|@angular/cli|17.0.0||library||/usr/local/lib/node_modules/@angular/cli",
			"npm|npm|10.2.4||library||/usr/local/lib/node_modules/npm",
		},
		"gem":   {"gem|rake|13.0.6||library||/var/lib/gems/3.1.0"},
		"maven": {"maven|commons-io:commons-io|2.11.0||library||/usr/share/tomcat10/webapps/app/WEB-INF/lib/commons-io-2.11.0.jar"},
		"jvm": {
			"jvm|Java JDK|21.0.4||system_component|Temurin|/usr/lib/jvm/temurin",
			"jvm|Java|21.0.2|||Oracle JDK, NFTC|/opt/jdk-21",
		},
		"dotnet": {
			"dotnet|ASP.NET Core Runtime|8.0.2||||/opt/dotnet/shared/Microsoft.AspNetCore.App/8.0.2",
			"dotnet|.NET SDK|8.0.100||||/opt/dotnet/sdk/8.0.100",
			"dotnet|.NET Runtime|8.0.1||system_component||/usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1",
		},
		"database": {
			"database|PostgreSQL|16.2||||/opt/PostgreSQL/16/include/pg_config.h",
			"database|MySQL Server|8.0.36|||Enterprise|/usr/local/mysql/include/mysql_version.h",
			"database|Oracle Database|19.0.0.0.0|||EE|/u01/db",
			"database|Microsoft SQL Server 2022|16.0.4095.4||system_component|Developer|/var/opt/mssql/log/errorlog",
			"database|Db2|11.5||||/opt/ibm/db2/V11.5",
			"database|MongoDB Server|7.0.5|||Enterprise|/opt/mongodb-linux-x86_64-enterprise-ubuntu2204-7.0.5",
		},
		"libraries-users": {
			"pip|black|24.1|ann|library||/home/ann/.local/share/pipx/venvs/black/lib/python3.11/site-packages",
			"npm|yarn|1.22.22|ann|library||/home/ann/.nvm/versions/node/v20.1.0/lib/node_modules/yarn",
			"cargo|ripgrep|14.1.0|bob|library||/home/bob/.cargo",
			"cargo|mine|0.1.0|bob|library||/home/bob/.cargo",
		},
		"programs-users": {"jvm|Java|17.0.9|ann||Corretto|/home/ann/.jdks/corretto"},
		"chromium":       {"chrome|Blocker|1.10.0|ann|extension||/home/ann/.config/google-chrome/Default/Extensions/" + extID},
		"mozilla":        {"firefox|Blocker|1.57|ann|extension||", "firefox|odd@x||ann|extension||", "thunderbird|cal@x|2|ann|extension||"},
		"vscode": {
			"vscode|ms-python.python|2024.2.1|ann|extension||/home/ann/.vscode/extensions",
			"vscodium|a.b|1|ann|extension||/home/ann/.vscode-oss/extensions",
		},
		"jetbrains": {"jetbrains|Idea&Vim|2.10.0|ann|extension||/home/ann/.local/share/JetBrains/IntelliJIdea2024.1/vim"},
	}
	if diff := cmp.Diff(want, lookAll(t, plant(t, files), software.LinuxPlaces())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
