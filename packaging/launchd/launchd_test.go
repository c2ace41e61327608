package launchd_test

import (
	"encoding/xml"
	"strings"
	"testing"

	"github.com/muster-itam/muster/packaging/launchd"
)

func TestPlist(t *testing.T) {
	var plist struct {
		Keys    []string `xml:"dict>key"`
		Strings []string `xml:"dict>string"`
		Program []string `xml:"dict>array>string"`
	}
	if err := xml.Unmarshal([]byte(launchd.Plist), &plist); err != nil {
		t.Fatal(err)
	}
	if len(plist.Program) != 2 || plist.Program[0] != launchd.Program || plist.Program[1] != "run" {
		t.Errorf("it runs %q", plist.Program)
	}
	if plist.Keys[0] != "Label" || plist.Strings[0] != launchd.Label {
		t.Errorf("its label is %q", plist.Strings)
	}
	if strings.Contains(launchd.Plist, "{{") {
		t.Error("it is not a template")
	}
}
