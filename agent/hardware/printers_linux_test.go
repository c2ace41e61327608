package hardware_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/muster-itam/muster/agent/hardware"
	"github.com/muster-itam/muster/agent/source"
	"github.com/muster-itam/muster/internal/inventory"
)

const printersConf = `# Printer configuration file for CUPS v2.4.2
NextPrinterId 4
<DefaultPrinter office>
PrinterId 1
UUID urn:uuid:1
Info Office
Location 2nd floor\, room \#5
MakeModel HP LaserJet 400 M401dn Postscript
DeviceURI socket://10.0.0.9:9100
State Idle
Shared Yes
</DefaultPrinter>
<Printer desk>
MakeModel Brother HL-L2350DW series, driverless
DeviceURI usb://Brother/HL-L2350DW%20series?serial=E78283K9N
Shared No
</Printer>
<Printer scan2mail>
DeviceURI smb://ann:s3cret@print.corp.example/hall?password=s3cret
</Printer>
<Printer broken>
DeviceURI ipp://ann:s3cret%zz@print/
</Printer>
<Printer slash>
DeviceURI smb://ann:s3c/ret@print/hall
</Printer>
<Printer mark>
DeviceURI smb://ann:s3c?ret@print/hall
</Printer>
<Printer bizhub>
DeviceURI usb://KONICA%20MINOLTA/bizhub%20C258
</Printer>
<Printer found>
DeviceURI dnssd://HP%20LaserJet._ipp._tcp.local/?uuid=1
</Printer>
<Printer hp>
DeviceURI hp:/net/LaserJet_400?ip=10.0.0.7&serial=VNB3
</Printer>
<Printer pdf>
DeviceURI cups-pdf:/
</Printer>
`

const officePPD = "*PPD-Adobe: \"4.3\"\n*Manufacturer: \"HP\"\n*ModelName:     \"HP LaserJet 400 M401dn\"\n" +
	"*NickName: \"HP LaserJet 400 M401dn Postscript (recommended)\"\n*OpenUI *PageSize/Size: PickOne\n"

func TestPrinters(t *testing.T) {
	root := plant(t, map[string]string{"etc/cups/printers.conf": printersConf, "etc/cups/ppd/office.ppd": officePPD, "etc/cups/ppd/gone.ppd": officePPD})
	want := inventory.Printers{
		{
			Name: "office", Vendor: "HP", Model: "HP LaserJet 400 M401dn", Driver: "HP LaserJet 400 M401dn Postscript (recommended)",
			URI: "socket://10.0.0.9:9100", Location: "2nd floor, room #5", Default: true, Shared: true, Network: true,
		},
		{
			Name: "desk", Vendor: "Brother", Model: "Brother HL-L2350DW series, driverless", Serial: "E78283K9N",
			URI: "usb://Brother/HL-L2350DW%20series",
		},
		{Name: "scan2mail", URI: "smb://print.corp.example/hall", Network: true},
		{Name: "broken", URI: "ipp://print", Network: true},
		{Name: "slash", URI: "smb://", Network: true},
		{Name: "mark", URI: "smb://", Network: true},
		{Name: "bizhub", Vendor: "KONICA MINOLTA", Model: "bizhub C258", URI: "usb://KONICA%20MINOLTA/bizhub%20C258"},
		{Name: "found", URI: "dnssd://HP%20LaserJet._ipp._tcp.local", Network: true},
		{Name: "hp", Vendor: "HP", Serial: "VNB3", URI: "hp:/net/LaserJet_400", Network: true},
		{Name: "pdf", URI: "cups-pdf:/"},
	}
	if diff := cmp.Diff(want, collect(t, root, "cups")); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPrintersUnseen(t *testing.T) {
	_, err := look(t, plant(t, map[string]string{"etc/x": ""}), "cups")
	if status, _ := source.Status(err); status != inventory.StatusUnsupported {
		t.Errorf("without CUPS: %v", err)
	}
	if got := collect(t, plant(t, map[string]string{"etc/cups/cupsd.conf": ""}), "cups"); got.Len() != 0 {
		t.Errorf("without printers: %v", got)
	}
	root := plant(t, map[string]string{"etc/cups/printers.conf": printersConf, "etc/cups/ppd/office.ppd": officePPD})
	var body inventory.Body
	asNobody(t, root, []string{"etc/cups/printers.conf"}, func() { body, err = look(t, root, "cups") })
	if status, reason := source.Status(err); status != inventory.StatusPartial || !strings.Contains(reason, "CAP_DAC_READ_SEARCH") {
		t.Errorf("without rights: %s %q", status, reason)
	}
	want := inventory.Printers{{Name: "office", Vendor: "HP", Model: "HP LaserJet 400 M401dn", Driver: "HP LaserJet 400 M401dn Postscript (recommended)"}}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzPrinters(f *testing.F) {
	f.Add(printersConf)
	f.Add(officePPD)
	f.Add("<Printer x>\nDeviceURI hp:/net/LaserJet?ip=10.0.0.1\\\\\nDeviceURI usb://%zz\n")
	f.Fuzz(func(t *testing.T, s string) {
		list, err := hardware.ParsePrinters(strings.NewReader(s))
		if err != nil {
			return
		}
		valid(t, list)
		for _, p := range list {
			if _, rest, ok := strings.Cut(p.URI, "://"); ok && strings.Contains(rest, "@") {
				t.Errorf("name and password in %q", p.URI)
			}
		}
		var p inventory.Printer
		hardware.DescribePPD(strings.NewReader(s), &p)
		valid(t, inventory.Printers{p})
	})
}
