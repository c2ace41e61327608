package software_test

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

// macTree writes files of a Mac's disk, all of one day, and opens them.
func macTree(t *testing.T, files map[string]string) *source.Tree {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	day := time.Date(2024, 3, 21, 12, 0, 0, 0, time.UTC)
	err := filepath.Walk(root, func(path string, _ os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, day, day)
	})
	if err != nil {
		t.Fatal(err)
	}
	tree, err := source.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tree.Close() })
	return tree
}

// info is a property list of keys and texts, or elements, which begin with "<".
func info(kv ...string) string {
	var b strings.Builder
	b.WriteString(`<plist version="1.0"><dict>`)
	for i := 0; i+1 < len(kv); i += 2 {
		value := kv[i+1]
		if !strings.HasPrefix(value, "<") {
			value = "<string>" + value + "</string>"
		}
		b.WriteString("<key>" + kv[i] + "</key>" + value)
	}
	return b.String() + "</dict></plist>"
}

// macho is the head of a fat file with parts for the types of processor.
func macho(cpus ...uint32) string {
	b := binary.BigEndian.AppendUint32(nil, 0xcafebabe)
	b = binary.BigEndian.AppendUint32(b, uint32(len(cpus)))
	for _, cpu := range cpus {
		b = binary.BigEndian.AppendUint32(b, cpu)
		b = append(b, make([]byte, 16)...)
	}
	return string(b)
}

const (
	x86 = 0x01000007
	arm = 0x0100000c
)

func TestMacApps(t *testing.T) {
	tree := macTree(t, map[string]string{
		"Applications/Editor.app/Contents/Info.plist": info("CFBundleIdentifier", "com.example.editor", "CFBundleShortVersionString", "4.2", "CFBundleVersion", "4201",
			"CFBundleExecutable", "Editor", "NSHumanReadableCopyright", "Copyright © 2019–2024 Example GmbH. All rights reserved."),
		"Applications/Editor.app/Contents/MacOS/Editor":                             macho(x86, arm),
		"Applications/Editor.app/Contents/Helpers/Helper.app/Contents/Info.plist":   info("CFBundleVersion", "1"),
		"Applications/Store.app/Contents/Info.plist":                                info("CFBundleVersion", "77", "CFBundleExecutable", "../../../../etc/passwd"),
		"Applications/Store.app/Contents/_MASReceipt/receipt":                       "x",
		"Applications/Suite 2024/Parts/Draw.app/Contents/Info.plist":                info("CFBundleShortVersionString", "9"),
		"Applications/Broken.app/Contents/Info.plist":                               "no list",
		"Applications/com.example.app/data":                                         "",
		"Applications/iPad.app/WrappedBundle/Info.plist":                            info("CFBundleShortVersionString", "3.1"),
		"System/Applications/Mail.app/Contents/Info.plist":                          info("CFBundleIdentifier", "com.apple.mail", "CFBundleShortVersionString", "16.0"),
		"System/Library/CoreServices/Finder.app/Contents/Info.plist":                info("CFBundleIdentifier", "com.apple.finder", "CFBundleShortVersionString", "14.4"),
		"Library/Application Support/Vendor/Updater.app/Contents/Info.plist":        info("CFBundleShortVersionString", "2"),
		"Library/Application Support/Vendor/X.framework/In.app/Contents/Info.plist": info("CFBundleShortVersionString", "2"),
		"Users/ann/Applications/Game.app/Contents/Info.plist":                       info("CFBundleShortVersionString", "1.0"),
		"Users/ann/Library/x.app/Contents/Info.plist":                               info("CFBundleShortVersionString", "1.0"),
		"System/Cryptexes/App/System/Applications/Safari.app/Contents/Info.plist":   info("CFBundleIdentifier", "com.apple.Safari", "CFBundleShortVersionString", "17.4"),
	})
	got, err := software.MacApps(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	const day = "2024-03-21"
	component := inventory.KindSystemComponent
	want := inventory.SoftwareList{
		{Source: "app", Name: "Editor", Version: "4.2", Arch: "x86_64,arm64", Publisher: "Example GmbH", Path: "/Applications/Editor.app", Installed: day},
		{Source: "mas", Name: "Store", Version: "77", Path: "/Applications/Store.app", Installed: day},
		{Source: "app", Name: "Draw", Version: "9", Path: "/Applications/Suite 2024/Parts/Draw.app", Installed: day},
		{Source: "app", Name: "iPad", Version: "3.1", Path: "/Applications/iPad.app", Installed: day},
		{Source: "app", Name: "Mail", Version: "16.0", Publisher: "Apple", Path: "/System/Applications/Mail.app", Installed: day},
		{Source: "app", Name: "Finder", Version: "14.4", Publisher: "Apple", Path: "/System/Library/CoreServices/Finder.app", Installed: day, Kind: component},
		{Source: "app", Name: "Updater", Version: "2", Path: "/Library/Application Support/Vendor/Updater.app", Installed: day, Kind: component},
	}
	if diff := cmp.Diff(want, got, cmpopts.SortSlices(func(a, b inventory.Software) bool { return a.Path < b.Path })); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	users, err := software.MacUserApps(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inventory.SoftwareList{
		{Source: "app", Name: "Game", Version: "1.0", Path: "/Users/ann/Applications/Game.app", Installed: day, User: "ann"},
	}, users); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := software.MacApps(ended, tree); err == nil {
		t.Error("no error after the end of the context")
	}
}

func TestMacAppsElsewhere(t *testing.T) {
	root := t.TempDir()
	real := filepath.Join(root, "System/Cryptexes/App/Safari.app/Contents")
	if err := os.MkdirAll(real, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(real, "Info.plist"), []byte(info("CFBundleShortVersionString", "17.4")), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "Applications"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{"Safari.app": "/System/Cryptexes/App/Safari.app", "Loop.app": "Loop.app", "Gone.app": "/nowhere.app", "All": "/"} {
		if err := os.Symlink(target, filepath.Join(root, "Applications", link)); err != nil {
			t.Fatal(err)
		}
	}
	tree, err := source.OpenTree(root)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tree.Close() }()
	got, err := software.MacApps(t.Context(), tree)
	if err != nil || len(got) != 1 || got[0].Path != "/Applications/Safari.app" || got[0].Version != "17.4" {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := software.MacApps(t.Context(), macTree(t, nil)); err == nil || !strings.Contains(err.Error(), "/Applications does not exist") {
		t.Errorf("without applications: %v", err)
	}
}

func TestMacReceipts(t *testing.T) {
	tree := macTree(t, map[string]string{
		"private/var/db/receipts/com.example.tool.plist": info("PackageIdentifier", "com.example.tool", "PackageVersion", "1.5.0.0.1",
			"InstallDate", "<date>2023-11-02T08:00:00Z</date>", "InstallPrefixPath", "Applications"),
		"private/var/db/receipts/com.example.tool.bom":  "bom",
		"private/var/db/receipts/com.apple.pkg.X.plist": info("PackageIdentifier", "com.apple.pkg.X", "PackageVersion", "2"),
		"private/var/db/receipts/bad.plist":             "bad",
		"Library/Receipts/InstallHistory.plist": `<plist><array>` + strings.Join([]string{
			update("macOS 14.3", "14.3", "2024-01-23", "softwareupdated"), update("XProtectPlistConfigData", "2180", "2024-01-01", "softwareupdated"),
			update("XProtectPlistConfigData", "2192", "2024-04-01", "softwareupdated"), update("XProtectPlistConfigData", "2190", "2024-03-01", "softwareupdated"),
			update("Example Tool", "1.5", "2023-11-02", "installer"), update("macOS Sonoma", "14.0", "2023-10-01", "macOS Installer"),
		}, "") + `</array></plist>`,
		"Library/SystemExtensions/db.plist": info("extensions", "<array>"+extension("com.example.filter", "3.2", "activated_enabled")+
			extension("com.example.old", "3.1", "terminated_waiting_to_uninstall_on_reboot")+"</array>"),
		"Library/Extensions/Driver.kext/Contents/Info.plist": info("CFBundleShortVersionString", "1.2.3", "CFBundleIdentifier", "com.example.driver"),
		"Library/Extensions/readme.txt":                      "",
	})
	receipts, err := software.MacReceipts(t.Context(), tree)
	if status, reason := source.Status(err); status != inventory.StatusPartial || !strings.Contains(reason, "1 of 3 receipts") {
		t.Errorf("status %s: %s", status, reason)
	}
	updates, err := software.MacUpdates(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	extensions, err := software.MacExtensions(t.Context(), tree)
	if err != nil {
		t.Fatal(err)
	}
	want := inventory.SoftwareList{
		{Source: "pkg", Name: "com.apple.pkg.X", Version: "2", Publisher: "Apple", Kind: inventory.KindSystemComponent},
		{Source: "pkg", Name: "com.example.tool", Version: "1.5.0.0.1", Installed: "2023-11-02", Path: "/Applications"},
		{Source: "update", Name: "macOS 14.3", Version: "14.3", Installed: "2024-01-23", Publisher: "Apple", Kind: inventory.KindUpdate},
		{Source: "update", Name: "XProtectPlistConfigData", Version: "2192", Installed: "2024-04-01", Publisher: "Apple", Kind: inventory.KindUpdate},
		{Source: "update", Name: "macOS Sonoma", Version: "14.0", Installed: "2023-10-01", Publisher: "Apple", Kind: inventory.KindUpdate},
		{Source: "system_extension", Name: "com.example.filter", Version: "3.2", Path: "/Applications/F.app/x", Kind: inventory.KindDriver},
		{Source: "kext", Name: "Driver", Version: "1.2.3", Path: "/Library/Extensions/Driver.kext", Kind: inventory.KindDriver},
	}
	if diff := cmp.Diff(want, append(append(receipts, updates...), extensions...)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	empty := macTree(t, nil)
	for name, look := range map[string]func(context.Context, *source.Tree) (inventory.SoftwareList, error){"receipts": software.MacReceipts, "updates": software.MacUpdates} {
		if status, _ := source.Status(second(look(t.Context(), empty))); status != inventory.StatusUnsupported {
			t.Errorf("%s of nothing: status %s", name, status)
		}
	}
}

func second(_ inventory.SoftwareList, err error) error { return err }

func update(name, version, day, process string) string {
	return strings.TrimSuffix(strings.TrimPrefix(info("displayName", name, "displayVersion", version, "date", "<date>"+day+"T10:00:00Z</date>", "processName", process),
		`<plist version="1.0">`), "</plist>")
}

func extension(id, version, state string) string {
	return strings.TrimSuffix(strings.TrimPrefix(info("identifier", id, "state", state, "originPath", "/Applications/F.app/x",
		"bundleVersion", "<dict><key>CFBundleShortVersionString</key><string>"+version+"</string></dict>"), `<plist version="1.0">`), "</plist>")
}

func TestMacPublisher(t *testing.T) {
	for text, want := range map[string]string{
		"Copyright © 2024 Microsoft Corporation. All rights reserved.": "Microsoft Corporation", "© 1998-2023 Mozilla Corporation": "Mozilla Corporation",
		"4.0, Copyright (c) 2000-2006 Example Computer Inc., All Rights Reserved": "Example Computer Inc.", "Copyright 2023 Google LLC. All rights reserved.": "Google LLC",
		"VLC media player 3.0, Copyright © 1996-2021 VideoLAN and VLC Authors": "VideoLAN and VLC Authors", "Version 1.0": "", "": "", "©": "", "(c) a@b.example": "",
		"Copyright © by Ann Example": "Ann Example", "© 2020": "",
	} {
		if got := software.MacPublisher("org.example", text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	if got := software.MacPublisher("com.apple.mail", ""); got != "Apple" {
		t.Errorf("Apple's identifier: %q", got)
	}
}

func TestMachoArch(t *testing.T) {
	thin := func(magic, cpu uint32) string {
		return string(binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, magic), cpu))
	}
	for head, want := range map[string]string{
		macho(x86, arm, arm): "x86_64,arm64", thin(0xfeedfacf, arm): "arm64", thin(0xfeedface, 7): "i386", "\xfe\xed\xfa\xce\x00\x00\x00\x12": "ppc",
		"\xca\xfe\xba\xbe\x00\x00\x00\x34": "", macho(x86, arm)[:30]: "", "#!/bin/sh": "", "": "", thin(0xfeedfacf, 99): "",
	} {
		if got := software.MachoArch([]byte(head)); got != want {
			t.Errorf("% x: %q, want %q", head, got, want)
		}
	}
}

func TestReportedDay(t *testing.T) {
	for text, want := range map[string]string{
		"2024-03-21T06:13:23Z": "2024-03-21", "17/02/12 12:35": "2012-02-17", "6/27/09 8:18 AM": "2009-06-27", "04/09/11 22:43": "", "5/5/16, 1:00": "2016-05-05",
		"": "", "x/y/z": "", "31/31/11": "", "6/27/99999999999999999999": "2000-06-27",
	} {
		if got := software.ReportedDay(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

const macCaptures = "../../../shared/endpoints/captures/macos/"

// TestReportedCaptures counts what is found in each list of applications, and looks at one.
func TestReportedCaptures(t *testing.T) {
	tests := []struct {
		file                                       string
		programs, components, drivers, mas, people int
		want                                       inventory.Software
	}{
		{"system_profiler/10.8-system_profiler_SPApplicationsDataType.example.txt", 104, 152, 10, 0, 8, inventory.Software{
			Source: "app", Name: "Google Chrome", Version: "49.0.2623.112", Arch: "x86_64", Path: "/Applications/Google Chrome.app",
		}},
		{"system_profiler/10.8-system_profiler_SPApplicationsDataType_-xml.example.xml", 104, 154, 10, 0, 8, inventory.Software{
			Source: "app", Name: "Disk Utility", Version: "11.5.2", Arch: "x86_64", Publisher: "Apple", Installed: "2009-08-01", Path: "/Applications/Utilities/Disk Utility.app",
		}},
		{"system_profiler/sample1.SPApplicationsDataType", 157, 152, 38, 0, 0, inventory.Software{
			Source: "app", Name: "iTunes", Version: "10.5.3", Publisher: "Apple", Installed: "2012-02-17", Path: "/Applications/iTunes.app",
		}},
		{"system_profiler/sample2.SPApplicationsDataType", 189, 159, 44, 0, 84, inventory.Software{
			Source: "app", Name: "Chess", Version: "2.4.2", Arch: "x86_64", Publisher: "Apple", Installed: "2009-05-19", Path: "/Applications/Chess.app",
		}},
		{"system_profiler/sample4.SPApplicationsDataType", 105, 228, 26, 6, 0, inventory.Software{
			Source: "app", Name: "Google Chrome", Version: "111.0.5563.110", Publisher: "Google LLC", Installed: "2023-03-21", Path: "/Applications/Google Chrome.app",
		}},
		{"system_profiler/sample5.SPApplicationsDataType-xml", 105, 228, 26, 6, 0, inventory.Software{
			Source: "app", Name: "OneDrive", Version: "24.065.0331", Arch: "x86_64,arm64", Publisher: "Microsoft Corporation", Installed: "2024-04-25", Path: "/Applications/OneDrive.app",
		}},
		{"system_profiler/sample6.SPApplicationsDataType-xml", 102, 242, 3, 5, 0, inventory.Software{
			Source: "app", Name: "PyMOL", Version: "2.4.1", Arch: "x86_64", Publisher: "Schrodinger", Installed: "2020-11-18", Path: "/Applications/PyMOL.app",
		}},
		{"SysProfile/sample1.yaml", 189, 159, 44, 0, 84, inventory.Software{
			Source: "app", Name: "Adobe Reader", Version: "9.4.2", Arch: "i386", Publisher: "Adobe Systems Incorporated", Installed: "2010-09-23",
			Path: "/Applications/Adobe Reader 9/Adobe Reader.app",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			b, err := os.ReadFile(macCaptures + tt.file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := profiler.Parse(b)
			if err != nil {
				t.Fatal(err)
			}
			var programs, components, drivers, mas int
			found := false
			list := software.ReportedApps(r, false)
			for _, s := range list {
				switch s.Kind {
				case inventory.KindSystemComponent:
					components++
				case inventory.KindDriver:
					drivers++
				default:
					programs++
				}
				if s.Source == "mas" {
					mas++
				}
				found = found || s == tt.want
			}
			people := len(software.ReportedApps(r, true)) - len(list)
			if got := [5]int{programs, components, drivers, mas, people}; got != [5]int{tt.programs, tt.components, tt.drivers, tt.mas, tt.people} {
				t.Errorf("programs, components, drivers, of the store, of people: %v", got)
			}
			if !found {
				t.Errorf("%+v is not in the list", tt.want)
				for _, s := range list {
					if s.Name == tt.want.Name {
						t.Logf("%#v", s)
					}
				}
			}
		})
	}
}

// FuzzMacLists feeds all parsers of property lists and heads of files.
func FuzzMacLists(f *testing.F) {
	f.Add([]byte(info("CFBundleIdentifier", "a", "CFBundleShortVersionString", "1", "NSHumanReadableCopyright", "© 2020 A. All rights reserved")))
	f.Add([]byte(info("PackageIdentifier", "com.apple.a", "InstallDate", "<date>2023-11-02T08:00:00Z</date>")))
	f.Add([]byte("<plist><array>" + update("a", "1", "2024-01-01", "softwareupdated") + "</array></plist>"))
	f.Add([]byte(info("extensions", "<array>"+extension("a", "1", "activated_enabled")+"</array>")))
	f.Add([]byte(macho(x86, arm)))
	f.Add([]byte("Applications:\n\n    A:\n\n      Location: /Applications/A.app\n      Last Modified: 17/02/12 12:35\n      Kind: Intel\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = software.ParseBundle(b)
		_ = software.MachoArch(b)
		var list inventory.SoftwareList
		if s, err := software.ParseReceipt(b); err == nil && s.Name != "" {
			list = append(list, s)
		}
		if l, err := software.ParseInstallHistory(b); err == nil {
			list = append(list, l...)
		}
		if l, err := software.ParseSystemExtensions(b); err == nil {
			list = append(list, l...)
		}
		if r, err := profiler.Parse(b); err == nil {
			list = append(list, software.ReportedApps(r, true)...)
		}
		o := inventory.Observation{Epoch: 1, Seq: 1, Sections: []inventory.Section{{Name: list.Section(), Status: inventory.StatusOK, Body: list}}}
		if err := o.Validate(); err != nil {
			t.Error(err)
		}
	})
}
