package software_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/registrytest"
	"github.com/muster-itam/muster/agent/software"
	"github.com/muster-itam/muster/internal/inventory"
)

func byName(a, b inventory.Usage) int { return strings.Compare(a.Name, b.Name) }

// assisted is a value of UserAssist as a .reg export has it.
func assisted(name string, used time.Time) string {
	data := make([]byte, 72)
	if !used.IsZero() {
		binary.LittleEndian.PutUint64(data[60:], uint64(used.Unix()+11_644_473_600)*10_000_000)
	}
	hex := make([]string, len(data))
	for i, b := range data {
		hex[i] = fmt.Sprintf("%02x", b)
	}
	name = strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return 'a' + (r-'a'+13)%26
		case r >= 'A' && r <= 'Z':
			return 'A' + (r-'A'+13)%26
		}
		return r
	}, name)
	return `"` + strings.ReplaceAll(name, `\`, `\\`) + `"=hex:` + strings.Join(hex, ",") + "\n"
}

func TestUserAssist(t *testing.T) {
	day := time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)
	count := `\Software\Microsoft\Windows\CurrentVersion\Explorer\UserAssist\{CEBFF5CD-ACE2-4F4F-9178-9926F41749EA}\Count]` + "\n"
	export := "Windows Registry Editor Version 5.00\n\n[HKEY_USERS\\" + sid + count +
		assisted(`{6D809377-6AF0-444B-8957-A3773F02200E}\7-Zip\7zFM.exe`, day) +
		assisted(`Microsoft.WindowsCalculator_8wekyb3d8bbwe!App`, day.AddDate(0, 0, -9)) +
		assisted(`{6D809377-6AF0-444B-8957-A3773F02200E}\Never\never.exe`, time.Time{}) +
		assisted(`C:\Users\jane\Desktop\diary.exe`, day) +
		assisted(`{9E3995AB-1F9C-4F13-B827-48B24B6C7174}\TaskBar\Letter to mum.lnk`, day) +
		assisted(`UEME_CTLSESSION`, day) + "[HKEY_USERS\\S-1-5-21-1-2-3-1002" + count +
		assisted(`{6D809377-6AF0-444B-8957-A3773F02200E}\7-Zip\7zFM.exe`, day.AddDate(0, 0, 3))
	r, err := registrytest.Parse([]byte(export))
	if err != nil {
		t.Fatal(err)
	}
	body, err := software.UsageSources(r)[0].Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, _ := body.(inventory.Usages)
	slices.SortFunc(got, byName)
	want := inventory.Usages{
		{Source: "userassist", Name: "7zfm", Path: `c:\program files\7-zip\7zfm.exe`, LastUsed: "2026-03-05"},
		{Source: "userassist", Name: "microsoft.windowscalculator", LastUsed: "2026-02-21"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

const applicationState = `<?xml version="1.0"?>
<application-state>
  <context id="">
    <application id="org.gnome.Terminal.desktop" score="12" last-seen="1772492400"/>
    <application id="org.gnome.Terminal.desktop" score="1" last-seen="1772000000"/>
    <application id="never.desktop" score="0"/>
    <application id="odd.desktop" last-seen="99999999999999999999"/>
  </context>
</application-state>`

func TestApplicationState(t *testing.T) {
	got, err := software.ParseApplicationState(strings.NewReader(applicationState))
	if err != nil {
		t.Fatal(err)
	}
	want := inventory.Usages{{Source: "gnome", Name: "org.gnome.Terminal", LastUsed: "2026-03-02"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for _, bad := range []string{`<!DOCTYPE a [<!ENTITY b "c">]><application-state/>`, strings.Repeat("<a>", 100_000), "<application-state>"} {
		if _, err := software.ParseApplicationState(strings.NewReader(bad)); err == nil {
			t.Errorf("%.30q was read", bad)
		}
	}
}

func FuzzParseApplicationState(f *testing.F) {
	f.Add(applicationState)
	f.Fuzz(func(t *testing.T, s string) {
		list, err := software.ParseApplicationState(strings.NewReader(s))
		if err == nil && len(list) > len(s) {
			t.Errorf("%d uses from %d bytes", len(list), len(s))
		}
	})
}
