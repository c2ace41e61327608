package software

import "strings"

// The lists have on each line what is looked for and a pattern for finder.glob, in which
// {a,b} stands for either.

// patterns reads a list.
func patterns(list string) map[string][]string {
	m := map[string][]string{}
	for line := range strings.Lines(list) {
		if name, pattern, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			m[name] = append(m[name], alternatives(pattern)...)
		}
	}
	return m
}

// alternatives writes a pattern with {a,b} out.
func alternatives(pattern string) []string {
	before, rest, open := strings.Cut(pattern, "{")
	choice, after, closed := strings.Cut(rest, "}")
	if !open || !closed {
		return []string{pattern}
	}
	var list []string
	for one := range strings.SplitSeq(choice, ",") {
		for _, tail := range alternatives(after) {
			list = append(list, before+one+tail)
		}
	}
	return list
}

func linuxPlaces() Places {
	return Places{
		homes: linuxHomes, machine: patterns(linuxMachine), user: patterns(unixHome + linuxHome),
		recorded: []string{"usr/lib", "usr/lib64", "usr/share", "usr/edb", "var/opt/mssql"},
	}
}

func darwinPlaces() Places {
	return Places{homes: darwinHomes, machine: patterns(darwinMachine), user: patterns(unixHome + darwinHome)}
}

func windowsPlaces(drive string) Places {
	return Places{
		homes: windowsHomes, machine: patterns(windowsMachine), user: patterns(windowsHome),
		recorded: []string{"Program Files", "Program Files (x86)"}, drive: drive,
	}
}

// What is in /usr/lib/ruby, and in /usr/share but for application servers, is of the system's packages.
const linuxMachine = `
pip usr/{lib,lib64,local/lib,local/lib64}/python*/{site,dist}-packages
pip {usr/local,opt,srv}/*/{,venv/,.venv/}lib/python*/site-packages
pip opt/{pipx/venvs,python}/*/lib/python*/site-packages
conda {opt,usr/local}/*/{,envs/*/}conda-meta
npm {usr/lib,usr/local/lib,opt/*/lib,usr/local/n/versions/node/*/lib,usr/local/nvm/versions/node/*/lib}/node_modules
gem {var/lib/gems/*,usr/local/lib/ruby/gems/*,usr/local/share/gems,usr/local/rvm/gems/*}/specifications
gem opt/*/{embedded/,}lib/ruby/gems/*/specifications
cargo {usr/local,opt}/cargo/.crates2.json
composer opt/composer/vendor/composer/installed.json
go {usr/local,opt,opt/*}/bin
go usr/local/sbin
maven {opt,srv,usr/local,usr/share,var/lib}/{tomcat,jetty}*/webapps/*/WEB-INF/lib
maven {opt,srv,usr/local}/{wildfly,jboss}*/standalone/deployments/*/WEB-INF/lib
jvm usr/lib/jvm/*
jvm usr/java/*
jvm opt/{*,java/*,jvm/*,*/jre,*/jdk}
jvm usr/local/j*
dotnet {opt,usr/local/share,usr/share,usr/lib,usr/lib64}/dotnet
database {usr/local/pgsql,opt/PostgreSQL/*,usr/edb/*}/include/pg_config.h
database {usr/local,opt}/mysql*/include/mysql_version.h
database {usr/local,opt}/mariadb*/include/mysql/mariadb_version.h
database etc/oraInst.loc
database var/opt/mssql/log/errorlog
database opt/ibm/db2/V*
database {opt,usr/local}/mongodb-*
`

// unixHome is what Linux and macOS have in common in homes.
const unixHome = `
pip {.local,.local/share/pipx/venvs/*,.local/pipx/venvs/*,.local/share/uv/tools/*,.virtualenvs/*,.venv,venv}/lib/python*/site-packages
pip {.pyenv/versions/*,miniconda3,anaconda3,miniforge3}/lib/python*/site-packages
conda {miniconda3,anaconda3,miniforge3,mambaforge,micromamba,.conda}/{,envs/*/}conda-meta
npm {.nvm/versions/node/*,.npm-global,.local,n,.volta/tools/image/packages/*,.asdf/installs/nodejs/*}/lib/node_modules
npm {.local/share/fnm,.fnm}/node-versions/*/installation/lib/node_modules
npm .local/share/pnpm/global/*/node_modules
gem {.gem/ruby,.local/share/gem/ruby,.rvm/gems}/*/specifications
gem {.rbenv/versions,.asdf/installs/ruby}/*/lib/ruby/gems/*/specifications
cargo .cargo/.crates2.json
composer {.config/,.}composer/vendor/composer/installed.json
go {go/,.local/,}bin
jvm {.jdks,.sdkman/candidates/java}/*
dotnet .dotnet
vscode {.vscode,.vscode-insiders,.vscode-oss,.vscode-server,.cursor,.cursor-server,.windsurf}/extensions
`

const linuxHome = `
chromium .config/{google-chrome,google-chrome-beta,google-chrome-unstable,chromium,microsoft-edge,microsoft-edge-beta}/*/Extensions
chromium .config/{microsoft-edge-dev,BraveSoftware/Brave-Browser,vivaldi,opera}/{*/,}Extensions
chromium snap/chromium/common/chromium/*/Extensions
chromium .var/app/com.google.Chrome/config/google-chrome/*/Extensions
chromium .var/app/org.chromium.Chromium/config/chromium/*/Extensions
chromium .var/app/com.microsoft.Edge/config/microsoft-edge/*/Extensions
chromium .var/app/com.brave.Browser/config/BraveSoftware/Brave-Browser/*/Extensions
mozilla {,snap/firefox/common/,.var/app/org.mozilla.firefox/}.mozilla/firefox/*/extensions.json
mozilla .config/mozilla/firefox/*/extensions.json
mozilla {,snap/thunderbird/common/,.var/app/org.mozilla.Thunderbird/}.thunderbird/*/extensions.json
jetbrains .local/share/JetBrains/*
`

const darwinMachine = `
pip {usr/local,opt/homebrew,usr/local/*,opt/*,opt/pipx/venvs/*}/lib/python*/site-packages
pip Library/Frameworks/Python.framework/Versions/*/lib/python*/site-packages
pip Library/Python/*/site-packages
conda {opt/*,usr/local/*,opt/homebrew/Caskroom/*/base}/{,envs/*/}conda-meta
npm {usr/local,opt/homebrew,usr/local/n/versions/node/*}/lib/node_modules
gem {Library/Ruby/Gems,opt/homebrew/lib/ruby/gems,usr/local/lib/ruby/gems}/*/specifications
gem opt/*/embedded/lib/ruby/gems/*/specifications
go usr/local/bin
go opt/*/bin
maven {usr/local,opt}/tomcat*/webapps/*/WEB-INF/lib
maven Library/Tomcat/webapps/*/WEB-INF/lib
jvm Library/Java/JavaVirtualMachines/*/Contents/Home
jvm Library/Internet Plug-Ins/JavaAppletPlugin.plugin/Contents/Home
dotnet usr/local/share/dotnet
database {Library/PostgreSQL/*,usr/local/pgsql}/include/pg_config.h
database usr/local/mysql*/include/mysql_version.h
database {opt,usr/local}/mongodb-*
`

const darwinHome = `
pip Library/Python/*/lib/python/site-packages
npm Library/Application Support/fnm/node-versions/*/installation/lib/node_modules
npm Library/pnpm/global/*/node_modules
jvm Library/Java/JavaVirtualMachines/*/Contents/Home
chromium Library/Application Support/{Google/Chrome,Google/Chrome Beta,Chromium,Microsoft Edge,Vivaldi}/*/Extensions
chromium Library/Application Support/{BraveSoftware/Brave-Browser,Arc/User Data,com.operasoftware.Opera}/{*/,}Extensions
mozilla Library/{Application Support/Firefox,Thunderbird}/Profiles/*/extensions.json
jetbrains Library/Application Support/{JetBrains/,Google/AndroidStudio}*/plugins
`

const windowsMachine = `
pip {Program Files/,Program Files (x86)/,}Python*/Lib/site-packages
pip ProgramData/pipx/venvs/*/Lib/site-packages
conda {ProgramData/,}{miniconda3,anaconda3,miniforge3}/{,envs/*/}conda-meta
npm Program Files/nodejs/node_modules
gem Ruby*/lib/ruby/gems/*/specifications
maven {Program Files/Apache Software Foundation/Tomcat,tomcat}*/webapps/*/WEB-INF/lib
jvm {Program Files,Program Files (x86)}/{Java,Eclipse Adoptium,Eclipse Foundation,AdoptOpenJDK,Amazon Corretto,Zulu,BellSoft}/*
jvm {Program Files,Program Files (x86)}/{Semeru,SapMachine}/*
jvm {Program Files,Program Files (x86)}/{Microsoft/jdk-,RedHat/java-}*
dotnet {Program Files,Program Files (x86)}/dotnet
database Program Files/MySQL/MySQL Server */include/mysql_version.h
database Program Files/MariaDB */include/mysql/mariadb_version.h
database Program Files/PostgreSQL/*/include/pg_config.h
database Program Files/Oracle/Inventory/ContentsXML/inventory.xml
`

const windowsHome = `
pip AppData/Roaming/Python/*/site-packages
pip {AppData/Local/Programs/Python/*,pipx/venvs/*,AppData/Local/pipx/pipx/venvs/*,AppData/Roaming/uv/tools/*}/Lib/site-packages
pip {.virtualenvs/*,miniconda3,anaconda3,miniforge3}/Lib/site-packages
conda {miniconda3,anaconda3,miniforge3,AppData/Local/miniconda3,AppData/Local/anaconda3,AppData/Local/miniforge3,.conda}/{,envs/*/}conda-meta
npm AppData/Roaming/npm/node_modules
npm AppData/{Roaming,Local}/nvm/*/node_modules
npm AppData/Roaming/fnm/node-versions/*/installation/node_modules
npm AppData/Local/{pnpm/global,Volta/tools/image/packages}/*/node_modules
gem {.gem/ruby,.local/share/gem/ruby}/*/specifications
cargo .cargo/.crates2.json
composer AppData/Roaming/Composer/vendor/composer/installed.json
go go/bin
jvm {.jdks,AppData/Local/Programs/Eclipse Adoptium}/*
dotnet {.dotnet,AppData/Local/Microsoft/dotnet}
chromium AppData/Local/{Google/Chrome,Google/Chrome Beta,Chromium,Microsoft/Edge,BraveSoftware/Brave-Browser,Vivaldi}/User Data/*/Extensions
chromium AppData/Roaming/Opera Software/Opera Stable/{*/,}Extensions
mozilla AppData/Roaming/{Mozilla/Firefox,Thunderbird}/Profiles/*/extensions.json
vscode {.vscode,.vscode-insiders,.vscode-oss,.cursor,.windsurf}/extensions
jetbrains AppData/Roaming/{JetBrains/,Google/AndroidStudio}*/plugins
`
