package software_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/registrytest"
	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// windows runs a source over an export of a registry.
func windows(t *testing.T, name, export string) (inventory.SoftwareList, error) {
	t.Helper()
	tree, err := registrytest.Parse([]byte("Windows Registry Editor Version 5.00\n" + export))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range software.RegistrySources(tree, "amd64") {
		if s.Name != name {
			continue
		}
		body, err := s.Read(t.Context())
		list, _ := body.(inventory.SoftwareList)
		valid(t, list, nil)
		return list, err
	}
	t.Fatalf("no source %q", name)
	return nil, nil
}

const (
	nativeKey = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Uninstall\`
	wowKey    = `[HKEY_LOCAL_MACHINE\SOFTWARE\Wow6432Node\Microsoft\Windows\CurrentVersion\Uninstall\`
)

func TestPrograms(t *testing.T) {
	tests := []struct {
		name, export string
		want         inventory.SoftwareList
	}{
		{"everything", nativeKey + `Editor]
"DisplayName"="Editor 3"
"DisplayVersion"="3.1"
"Publisher"="Example AG"
"InstallDate"="20240229"
"InstallLocation"="\"C:\\Program Files\\Editor\""
"EstimatedSize"=dword:00000400`, inventory.SoftwareList{{
			Source: "registry", Name: "Editor 3", Version: "3.1", Arch: "amd64", Publisher: "Example AG", Installed: "2024-02-29",
			Bytes: 1 << 20, Path: `C:\Program Files\Editor`,
		}}},
		{"32-bit", nativeKey + "]\n" + wowKey + `Old]
"DisplayName"="Old"
"Version"=dword:0102001e`, inventory.SoftwareList{{Source: "registry", Name: "Old", Version: "1.2.30", Arch: "x86"}}},
		{"in both views", nativeKey + `Both]
"DisplayName"="Both"
` + wowKey + `Both]
"DisplayName"="Both"`, inventory.SoftwareList{{Source: "registry", Name: "Both", Arch: "amd64"}}},
		{"kinds", nativeKey + `{A}]
"DisplayName"="Part"
"SystemComponent"=dword:1
` + nativeKey + `KB5044384]
"DisplayName"="Fix"
` + nativeKey + `x]
"DisplayName"="Mise à jour (KB5044385)"
` + nativeKey + `y]
"DisplayName"="Service pack"
"ReleaseType"="Service Pack"
"SystemComponent"=dword:1
` + nativeKey + `z]
"DisplayName"="Language"
"ParentKeyName"="Suite"
"SystemComponent"=dword:1
` + nativeKey + `p]
"DisplayName"="Patch"
"ParentKeyName"="Suite"
` + nativeKey + `d]
"DisplayName"="Windows Driver Package - Example Ports"`, inventory.SoftwareList{
			{Source: "registry", Name: "Part", Arch: "amd64", Kind: inventory.KindSystemComponent},
			{Source: "registry", Name: "Fix", Arch: "amd64", Kind: inventory.KindUpdate},
			{Source: "registry", Name: "Mise à jour (KB5044385)", Arch: "amd64", Kind: inventory.KindUpdate},
			{Source: "registry", Name: "Service pack", Arch: "amd64", Kind: inventory.KindUpdate},
			{Source: "registry", Name: "Language", Arch: "amd64", Kind: inventory.KindSystemComponent},
			{Source: "registry", Name: "Patch", Arch: "amd64", Kind: inventory.KindUpdate},
			{Source: "registry", Name: "Windows Driver Package - Example Ports", Arch: "amd64", Kind: inventory.KindDriver},
		}},
		{"without a name", nativeKey + `{01234567-89AB-CDEF-0123-456789ABCDEF}]
"WindowsInstaller"=dword:1
[HKEY_LOCAL_MACHINE\SOFTWARE\Classes\Installer\Products\76543210BA98FEDC1032547698BADCFE]
"ProductName"="From Windows Installer"
"Version"=dword:05000001
` + nativeKey + `Helper]
"UninstallString"="C:\\helper.exe /u"
` + nativeKey + `AddressBook]`, inventory.SoftwareList{
			{Source: "registry", Name: "From Windows Installer", Version: "5.0.1", Arch: "amd64"},
			{Source: "registry", Name: "Helper", Arch: "amd64", Kind: inventory.KindSystemComponent},
		}},
		{"seconds as a number", nativeKey + `n]
"DisplayName"="N"
"InstallDate"=dword:65e5ab80`, inventory.SoftwareList{{Source: "registry", Name: "N", Arch: "amd64", Installed: "2024-03-04"}}},
		{"office", nativeKey + `O365ProPlusRetail - en-us]
"DisplayName"="Microsoft 365 Apps for enterprise - en-us"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Office\ClickToRun\Configuration]
"ProductReleaseIds"="O365ProPlusRetail,VisioProRetail"
"VersionToReport"="16.0.17928.20114"
"Platform"="x64"
"UpdateChannel"="http://officecdn.microsoft.com/pr/55336b82-a18d-4dd6-b5f6-9e5095c314a6"`, inventory.SoftwareList{
			{Source: "registry", Name: "Microsoft 365 Apps for enterprise - en-us", Arch: "amd64"},
			{
				Source: "office", Name: "O365ProPlusRetail", Version: "16.0.17928.20114", Arch: "amd64", Edition: "Monthly Enterprise Channel",
				Publisher: "Microsoft Corporation", Kind: inventory.KindSystemComponent,
			},
			{
				Source: "office", Name: "VisioProRetail", Version: "16.0.17928.20114", Arch: "amd64", Edition: "Monthly Enterprise Channel",
				Publisher: "Microsoft Corporation", Kind: inventory.KindSystemComponent,
			},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := windows(t, "programs", tt.export)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	if list, err := windows(t, "programs", ""); err == nil {
		t.Errorf("a registry without the list gives %d programs", len(list))
	}
}

func TestInstallDate(t *testing.T) {
	for text, want := range map[string]string{
		"20240229": "2024-02-29", "2024-02-29": "2024-02-29", "2024/2/9": "2024-02-09", "29.02.2024": "2024-02-29",
		"31/12/2023": "2023-12-31", "12/31/2023": "2023-12-31", "12/12/2023": "2023-12-12", "03/04/2021": "", "1709251200": "2024-03-01",
		"Fri Mar  1 12:00:00 2024": "2024-03-01", "2024-03-01 12:30:11": "2024-03-01", "2024-03-01T12:30:11Z": "2024-03-01",
		"20240230": "", "00000000": "", "yesterday": "", "": "", "18000101": "", "Fri Mar 1 2024": "2024-03-01",
	} {
		if got := software.InstallDate(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

const sid = "S-1-5-21-1-2-3-1001"

// Of one who is signed in the registry has the hive; of another it lies in a file.
func TestUserPrograms(t *testing.T) {
	home := t.TempDir()
	hive, err := os.ReadFile(filepath.Join("..", "registry", "testdata", "user.hive"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(home, "NTUSER.DAT"), string(hive))
	signedIn := `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\` + sid + `]
"ProfileImagePath"="C:\\Users\\jane.CORP"
[HKEY_USERS\` + sid + `\Volatile Environment]
"USERNAME"="jane"
[HKEY_USERS\` + sid + `_Classes]
[HKEY_USERS\S-1-5-18\Software\Microsoft\Windows\CurrentVersion\Uninstall\System]
"DisplayName"="The system's own"
[HKEY_USERS\` + sid + `\Software\Microsoft\Windows\CurrentVersion\Uninstall\Chat]
"DisplayName"="Chat"
[HKEY_USERS\` + sid + `\Software\Microsoft\Windows\CurrentVersion\Lxss\{1}]
"DistributionName"="Ubuntu"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-18]
"ProfileImagePath"="C:\\Windows\\system32\\config\\systemprofile"
`
	away := func(dir string) string {
		return `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows NT\CurrentVersion\ProfileList\S-1-5-21-1-2-3-1002]
"ProfileImagePath"="` + strings.ReplaceAll(dir, `\`, `\\`) + `"
`
	}
	chat := inventory.Software{Source: "registry", Name: "Chat", User: "jane"}
	t.Run("both", func(t *testing.T) {
		got, err := windows(t, "user programs", signedIn+away(home))
		if err != nil {
			t.Fatal(err)
		}
		user := home // what is behind the last backslash, and there is none
		want := inventory.SoftwareList{
			chat,
			{Source: "registry", Name: "Zoëdraw 2", Version: "2.0.1", Publisher: "Zoë GmbH", Installed: "2026-03-02", Bytes: 1 << 20, User: user},
			{Source: "registry", Name: "Λόγος", User: user},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		linux, err := windows(t, "wsl", signedIn+away(home))
		if err != nil {
			t.Fatal(err)
		}
		want = inventory.SoftwareList{{Source: "wsl", Name: "Ubuntu", Edition: "WSL 1", User: "jane"}, {Source: "wsl", Name: "Debian", Edition: "WSL 2", User: user}}
		if diff := cmp.Diff(want, linux); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("a profile that is gone", func(t *testing.T) {
		got, err := windows(t, "user programs", signedIn+away(t.TempDir()))
		if err != nil || len(got) != 1 {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("a link out of the profile", func(t *testing.T) {
		other := t.TempDir()
		link(t, filepath.Join(home, "NTUSER.DAT"), filepath.Join(other, "NTUSER.DAT"))
		got, err := windows(t, "user programs", signedIn+away(other))
		if err != nil || len(got) != 1 {
			t.Errorf("%v, %v", got, err)
		}
	})
	t.Run("a file that is no hive", func(t *testing.T) {
		other := t.TempDir()
		write(t, filepath.Join(other, "NTUSER.DAT"), strings.Repeat("no hive", 20))
		got, err := windows(t, "user programs", signedIn+away(other))
		if status, reason := source.Status(err); status != inventory.StatusPartial || !strings.Contains(reason, "1 of 2 users") {
			t.Errorf("%s: %s", status, reason)
		}
		if diff := cmp.Diff(inventory.SoftwareList{chat}, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestUpdates(t *testing.T) {
	const packages = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Packages\`
	got, err := windows(t, "updates", packages+`Package_for_KB5031539~31bf3856ad364e35~amd64~~19041.3570.1.0]
"CurrentState"=dword:00000070
"InstallTimeHigh"=dword:01da0b5e
"InstallTimeLow"=dword:12345678
`+packages+`Package_2_for_KB5031539~31bf3856ad364e35~amd64~~19041.3570.1.0]
"CurrentState"=dword:00000070
`+packages+`Package_for_KB5000001~31bf3856ad364e35~amd64~~1.0]
"CurrentState"=dword:00000040
`+packages+`Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.3803.1.11]
"CurrentState"=dword:00000070
"InstallLocation"="\\\\?\\C:\\Windows\\CbsTemp\\31075_1\\Windows10.0-KB5033372-x64.cab\\"
`+packages+`OpenSSH-Client-Package~31bf3856ad364e35~amd64~~10.0.19041.1]
"CurrentState"=dword:00000070`)
	if err != nil {
		t.Fatal(err)
	}
	want := inventory.SoftwareList{
		{Source: "windows", Name: "KB5031539", Version: "19041.3570.1.0", Installed: "2023-10-30", Publisher: "Microsoft Corporation", Kind: inventory.KindUpdate},
		{Source: "windows", Name: "KB5033372", Version: "19041.3803.1.11", Publisher: "Microsoft Corporation", Kind: inventory.KindUpdate},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if _, err := windows(t, "updates", ""); err == nil {
		t.Error("no list of updates is no empty list")
	}
}

func TestFeatures(t *testing.T) {
	got, err := windows(t, "features", `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\ServerManager\ServicingStorage\ServerComponentCache\Web-Server]
"InstallState"=dword:1
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\ServerManager\ServicingStorage\ServerComponentCache\DNS]
"InstallState"=dword:0
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\Notifications\OptionalFeatures\NetFx3]
"Selection"=dword:1`)
	if err != nil {
		t.Fatal(err)
	}
	want := inventory.SoftwareList{
		{Source: "windows", Name: "Web-Server", Publisher: "Microsoft Corporation", Kind: inventory.KindFeature},
		{Source: "windows", Name: "NetFx3", Publisher: "Microsoft Corporation", Kind: inventory.KindFeature},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestMicrosoftProducts(t *testing.T) {
	const sql = `[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Microsoft SQL Server\`
	got, err := windows(t, "microsoft", sql+`MSSQL15.SQLEXPRESS\Setup]
"Edition"="Express Edition"
"Version"="15.0.2000.5"
"PatchLevel"="15.0.4335.1"
`+sql+`MSSQL.1\Setup]
"Edition"="Standard Edition"
"Version"="9.3.4035"
`+sql+`Instance Names\SQL]
"Payroll"="MSSQL.1"
`+sql+`MSAS16.BI\Setup]
"Edition"="Developer Edition"
"Version"="16.0.43.211"
`+sql+`160\Tools]
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\NET Framework Setup\NDP\v3.5]
"Install"=dword:1
"Version"="3.5.30729.4926"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\NET Framework Setup\NDP\v4\Full]
"Install"=dword:1
"Release"=dword:00080ff4
"Version"="4.8.04084"
[HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Internet Explorer]
"svcVersion"="11.789.19041.0"
"Version"="9.11.19041.0"`)
	if err != nil {
		t.Fatal(err)
	}
	const ms = "Microsoft Corporation"
	want := inventory.SoftwareList{
		{Source: "sqlserver", Name: "Microsoft SQL Server 2019 Database Engine (SQLEXPRESS)", Version: "15.0.4335.1", Edition: "Express Edition", Publisher: ms},
		{Source: "sqlserver", Name: "Microsoft SQL Server 2005 Database Engine (PAYROLL)", Version: "9.3.4035", Edition: "Standard Edition", Publisher: ms},
		{Source: "sqlserver", Name: "Microsoft SQL Server 2022 Analysis Services (BI)", Version: "16.0.43.211", Edition: "Developer Edition", Publisher: ms},
		{Source: "windows", Name: "Microsoft .NET Framework", Version: "3.5.30729.4926", Publisher: ms, Kind: inventory.KindSystemComponent},
		{Source: "windows", Name: "Microsoft .NET Framework", Version: "4.8", Publisher: ms, Kind: inventory.KindSystemComponent},
		{Source: "windows", Name: "Internet Explorer", Version: "11.789.19041.0", Publisher: ms, Kind: inventory.KindSystemComponent},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestStoreApps(t *testing.T) {
	const packages = `[HKEY_LOCAL_MACHINE\SOFTWARE\Classes\Local Settings\Software\Microsoft\Windows\CurrentVersion\AppModel\PackageRepository\Packages\`
	got, err := windows(t, "store apps", packages+`Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe]
"Path"="C:\\Program Files\\WindowsApps\\Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe"
`+packages+`Microsoft.WindowsCalculator_11.2401.0.0_neutral_split.scale-100_8wekyb3d8bbwe]
`+packages+`Microsoft.VCLibs.140.00_14.0.33519.0_x86__8wekyb3d8bbwe]
`+packages+`Microsoft.Windows.FileExplorer_10.0.19041.423_neutral_neutral_cw5n1h2txyewy]
"Path"="C:\\Windows\\SystemApps\\Microsoft.Windows.FileExplorer_cw5n1h2txyewy"
`+packages+`SpotifyAB.SpotifyMusic_1.2.3.0_x86__zpdnekdrzrea0]
`+packages+`not a package]`)
	if err != nil {
		t.Fatal(err)
	}
	const ms = "Microsoft Corporation"
	want := inventory.SoftwareList{
		{
			Source: "appx", Name: "Microsoft.WindowsCalculator", Version: "11.2401.0.0", Arch: "amd64", Publisher: ms,
			Path: `C:\Program Files\WindowsApps\Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe`,
		},
		{Source: "appx", Name: "Microsoft.WindowsCalculator_split.scale-100", Version: "11.2401.0.0", Publisher: ms, Kind: inventory.KindSystemComponent},
		{Source: "appx", Name: "Microsoft.VCLibs.140.00", Version: "14.0.33519.0", Arch: "x86", Publisher: ms, Kind: inventory.KindLibrary},
		{
			Source: "appx", Name: "Microsoft.Windows.FileExplorer", Version: "10.0.19041.423", Publisher: ms, Kind: inventory.KindSystemComponent,
			Path: `C:\Windows\SystemApps\Microsoft.Windows.FileExplorer_cw5n1h2txyewy`,
		},
		{Source: "appx", Name: "SpotifyAB.SpotifyMusic", Version: "1.2.3.0", Arch: "x86"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// FuzzPrograms gives hostile texts to every value that is read.
func FuzzPrograms(f *testing.F) {
	f.Add("Editor", "3.1", "20240229", "KB5044384")
	f.Add("@{x?ms-resource://y}", "\x00", "03/04/2021", "{01234567-89AB-CDEF-0123-456789ABCDEF}")
	f.Fuzz(func(t *testing.T, name, version, date, key string) {
		list := software.RegistryPrograms(key, map[string]string{
			"displayname": name, "displayversion": version, "installdate": date, "installlocation": name, "publisher": version, "releasetype": "",
		})
		valid(t, list, nil)
		if d := software.InstallDate(date); d != "" && len(d) != len("2006-01-02") {
			t.Errorf("date %q", d)
		}
	})
}

func FuzzWindowsNames(f *testing.F) {
	f.Add("Microsoft.WindowsCalculator_11.2401.0.0_x64__8wekyb3d8bbwe")
	f.Add("Package_for_KB5031539~31bf3856ad364e35~amd64~~19041.3570.1.0")
	f.Add("Windows10.0-KB5033372-x64.cab")
	f.Add("\u2c65\u2c65\u2c65KB\u2c65") // capitals of other lengths
	f.Fuzz(func(t *testing.T, name string) {
		if s, ok := software.ParsePackageName(name); ok {
			valid(t, inventory.SoftwareList{s}, nil)
		}
		if kb, version, ok := software.UpdatePackage(name); ok {
			valid(t, inventory.SoftwareList{{Source: "windows", Name: kb + "x", Version: version}}, nil)
		}
		if kb := software.KBWithin(name); kb != "" && (len(kb) < 7 || !strings.HasPrefix(kb, "KB")) {
			t.Errorf("%q", kb)
		}
	})
}
