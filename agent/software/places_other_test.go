package software_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/software"
)

func TestDarwinPlaces(t *testing.T) {
	files := map[string]string{
		"Users/Shared/.vscode/extensions/extensions.json":                                       codeExtensions,
		"Users/ann/Library/Application Support/Firefox/Profiles/x/extensions.json":              addons,
		"Users/ann/Library/Thunderbird/Profiles/x/extensions.json":                              addons,
		"Users/ann/.cursor/extensions/extensions.json":                                          codeExtensions,
		"Users/ann/Library/Python/3.9/lib/python/site-packages/six-1.dist-info/METADATA":        python("six", "1"),
		"private/var/root/.config/composer/vendor/composer/installed.json":                      `{"packages":[{"name":"laravel/installer","version":"v5.0"}]}`,
		"Library/Java/JavaVirtualMachines/temurin-21.jdk/Contents/Home/release":                 javaRelease,
		"opt/homebrew/lib/python3.12/site-packages/pip-24.dist-info/METADATA":                   python("pip", "24"),
		"usr/local/mysql-8.0.36-macos14-arm64/include/mysql_version.h":                          "#define MYSQL_SERVER_VERSION \"8.0.36\"\n#define MYSQL_COMPILATION_COMMENT \"MySQL Community Server - GPL\"\n",
		"Library/Ruby/Gems/2.6.0/specifications/cocoapods-1.15.2.gemspec":                       "# stub: cocoapods 1.15.2 ruby lib\n",
		"Users/ann/Library/Application Support/JetBrains/GoLand2024.1/plugins/theme.jar":        archive(t, map[string]string{"META-INF/plugin.xml": "<p><name><![CDATA[A & B]]></name><version>3</version></p>"}),
		"Users/ann/Library/Application Support/JetBrains/GoLand2024.1/plugins/readme.txt":       "",
		"Users/ann/Library/Application Support/Microsoft Edge/System Profile/Extensions/odd/x/": "",
	}
	for name, text := range chromiumFiles("Users/ann/Library/Application Support/Microsoft Edge/Default") {
		files[name] = text
	}
	want := map[string][]string{
		"pip":             {"pip|pip|24||library||/opt/homebrew/lib/python3.12/site-packages"},
		"gem":             {"gem|cocoapods|1.15.2||library||/Library/Ruby/Gems/2.6.0"},
		"jvm":             {"jvm|Java JDK|21.0.4|||Temurin|/Library/Java/JavaVirtualMachines/temurin-21.jdk/Contents/Home"},
		"database":        {"database|MySQL Server|8.0.36|||Community|/usr/local/mysql-8.0.36-macos14-arm64/include/mysql_version.h"},
		"libraries-users": {"pip|six|1|ann|library||/Users/ann/Library/Python/3.9/lib/python/site-packages", "composer|laravel/installer|v5.0|root|library||"},
		"chromium":        {"edge|Blocker|1.10.0|ann|extension||/Users/ann/Library/Application Support/Microsoft Edge/Default/Extensions/" + extID},
		"mozilla": {
			"firefox|Blocker|1.57|ann|extension||", "firefox|odd@x||ann|extension||",
			"thunderbird|Blocker|1.57|ann|extension||", "thunderbird|odd@x||ann|extension||",
		},
		"vscode":    {"cursor|ms-python.python|2024.2.1|ann|extension||/Users/ann/.cursor/extensions"},
		"jetbrains": {"jetbrains|A & B|3|ann|extension||/Users/ann/Library/Application Support/JetBrains/GoLand2024.1/plugins/theme.jar"},
	}
	if diff := cmp.Diff(want, lookAll(t, plant(t, files), software.DarwinPlaces())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWindowsPlaces(t *testing.T) {
	files := map[string]string{
		"Users/Public/.vscode/extensions/extensions.json":                                                        codeExtensions,
		"Users/ann/AppData/Roaming/npm/node_modules/typescript/package.json":                                     `{"name":"typescript","version":"5.4.2","author":"Microsoft Corp."}`,
		"Users/ann/AppData/Local/Programs/Python/Python312/Lib/site-packages/requests-2.31.0.dist-info/METADATA": python("requests", "2.31.0"),
		"Users/ann/AppData/Roaming/Mozilla/Firefox/Profiles/x/extensions.json":                                   addons,
		"Users/ann/.vscode/extensions/extensions.json":                                                           codeExtensions,
		"Users/ann/miniconda3/conda-meta/python-3.12.1-h12_0.json":                                               `{"build": "h12_0", "build_number": 0, "channel": "https://repo.anaconda.com/pkgs/main/win-64"}`,
		"Program Files/Java/jdk1.8.0_401/release":                                                                "JAVA_VERSION=\"1.8.0_401\"\nOS_ARCH=\"amd64\"\nBUILD_TYPE=\"commercial\"\n",
		"Program Files/dotnet/shared/Microsoft.WindowsDesktop.App/8.0.3/":                                        "",
		"Program Files/MariaDB 11.3/include/mysql/mariadb_version.h":                                             "#define MARIADB_CLIENT_VERSION_STR \"11.3.2\"\n#define MYSQL_SERVER_VERSION \"11.3.2-MariaDB\"\n",
		"Program Files/Oracle/Inventory/ContentsXML/inventory.xml":                                               `<HOME NAME="x" LOC="C:\app\db" TYPE="O"/>`,
		"app/db/inventory/ContentsXML/comps.xml":                                                                 `<COMP NAME="oracle.server" VER="12.2.0.1.0">`,
		"app/db/inventory/globalvariables/oracle.server/globalvariables.xml":                                     `<VAR NAME="oracle_install_db_InstallType" VALUE="SE2"/>`,
	}
	for name, text := range chromiumFiles("Users/ann/AppData/Local/BraveSoftware/Brave-Browser/User Data/Default") {
		files[name] = text
	}
	for name, text := range chromiumFiles("Users/bob/AppData/Roaming/Opera Software/Opera Stable") {
		files[name] = text
	}
	want := map[string][]string{
		"jvm":    {`jvm|Java|1.8.0_401||system_component|Oracle JDK|C:\Program Files\Java\jdk1.8.0_401`},
		"dotnet": {`dotnet|.NET Windows Desktop Runtime|8.0.3||system_component||C:\Program Files\dotnet\shared\Microsoft.WindowsDesktop.App\8.0.3`},
		"database": {
			`database|MariaDB Server|11.3.2||system_component||C:\Program Files\MariaDB 11.3\include\mysql\mariadb_version.h`,
			`database|Oracle Database|12.2.0.1.0|||SE2|C:\app\db`,
		},
		"libraries-users": {
			`pip|requests|2.31.0|ann|library||C:\Users\ann\AppData\Local\Programs\Python\Python312\Lib\site-packages`,
			`conda|python|3.12.1|ann|library||C:\Users\ann\miniconda3`,
			`npm|typescript|5.4.2|ann|library||C:\Users\ann\AppData\Roaming\npm\node_modules\typescript`,
		},
		"chromium": {
			`brave|Blocker|1.10.0|ann|extension||C:\Users\ann\AppData\Local\BraveSoftware\Brave-Browser\User Data\Default\Extensions\` + extID,
			`opera|Blocker|1.10.0|bob|extension||C:\Users\bob\AppData\Roaming\Opera Software\Opera Stable\Extensions\` + extID,
		},
		"mozilla": {"firefox|Blocker|1.57|ann|extension||", "firefox|odd@x||ann|extension||"},
		"vscode":  {`vscode|ms-python.python|2024.2.1|ann|extension||C:\Users\ann\.vscode\extensions`},
	}
	if diff := cmp.Diff(want, lookAll(t, plant(t, files), software.WindowsPlaces("C:"))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
