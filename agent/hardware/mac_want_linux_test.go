package hardware_test

// macWant is what is found in each capture, in short.
var macWant = map[string]string{
	"macos/ifconfig/imac-27-intel-2019-macosx-10.14.6": `
interface: lo0, loopback, 127.0.0.1/8, ::1/128, fe80::1/64, up
interface: en0, 3c:36:00:60:88:11, 1000 Mbit/s, fe80::8844:fade:b431:a/64, 10.71.127.11/19, up
interface: en2, aa:00:44:c1:dd:e0
interface: en3, aa:00:44:c1:dd:e1
interface: bridge0, bridge, aa:00:44:c1:dd:e0
interface: en1, f8:cc:f2:56:77:6b, fe80::1000:6100:ea:0/64, 192.168.1.107/24, up
`,
	"macos/ifconfig/imac-27-intel-2019-macosx-10.14.6-networksetup": `
interface: en0, ethernet, Ethernet, burned in 3c:36:00:60:88:11
interface: en1, wifi, Wi-Fi, burned in f8:cc:f2:56:77:6b
interface: en4, bluetooth, Bluetooth PAN, burned in f8:cc:f2:59:8f:f6
interface: en2, virtual, Thunderbolt 1
interface: en3, virtual, Thunderbolt 2
interface: bridge0, bridge, Thunderbolt Bridge
`,
	"macos/ifconfig/macbook-m1-pro-2021-macosx-14.5": `
interface: lo0, loopback, 127.0.0.1/8, ::1/128, fe80::1/64, up
interface: en5, aa:aa:aa:aa:aa:ad
interface: en6, aa:aa:aa:aa:aa:ba
interface: en7, aa:aa:aa:aa:aa:bb
interface: en1, aa:aa:aa:aa:aa:bc
interface: en2, aa:aa:aa:aa:aa:bd
interface: en3, aa:aa:aa:aa:aa:ca
interface: en0, aa:aa:aa:aa:aa:cc, fe80::b:c:d:a/64, up
interface: bridge0, bridge, aa:aa:aa:aa:aa:bc
interface: en8, aa:aa:aa:aa:aa:da
`,
	"macos/ifconfig/macbook-pro-16-apple-silicon-2021-macosx-14.4": `
interface: lo0, loopback, 127.0.0.1/8, ::1/128, fe80::1/64, up
interface: en4, 9e:00:06:96:00:70
interface: en5, 9e:00:06:96:00:71
interface: en1, 36:00:07:a1:00:00
interface: en2, 36:00:07:a1:00:04
interface: en3, 36:00:07:a1:00:08
interface: bridge0, bridge, 36:00:07:a1:00:00
interface: en0, 60:00:50:57:00:44, fe80::4444:3333:0:5555/64, 192.168.2.46/24, up
`,
	"macos/ifconfig/macbook-pro-16-intel-2019-catalina-networksetup": `
interface: en35, usb, USB 10/100/1000 LAN, burned in 98:00:43:0f:00:03
interface: en0, wifi, Wi-Fi, burned in f8:00:c2:05:00:01
interface: en37, usb, iPhone USB, burned in d6:00:da:5b:00:05
interface: en6, bluetooth, Bluetooth PAN, burned in f8:00:c2:17:00:06
interface: en1, virtual, Thunderbolt 1
interface: en2, virtual, Thunderbolt 2
interface: en3, virtual, Thunderbolt 3
interface: en4, virtual, Thunderbolt 4
interface: bridge0, bridge, Thunderbolt Bridge
`,
	"macos/ifconfig/macosx-01": `
interface: lo0, loopback, 127.0.0.1/8, ::1/128, fe80::1/64, up
interface: en0, 0c:4d:e9:c9:6c:3c, 100 Mbit/s, fe80::10f6:f9c8:4818:4587/64, 172.77.220.189/24, up
interface: en1, 88:63:df:b1:e6:cb
interface: en2, 32:00:1e:77:00:00
interface: en3, 32:00:1e:77:00:01
interface: bridge0, bridge, 32:00:1e:77:00:00
`,
	"macos/ifconfig/macosx-01-networksetup": `
interface: en0, ethernet, Ethernet, burned in 0c:4d:e9:c9:6c:3c
interface: en1, wifi, Wi-Fi, burned in 88:63:df:b1:e6:cb
interface: en4, bluetooth, Bluetooth PAN, burned in 88:63:df:b1:e6:cc
interface: en2, virtual, Thunderbolt 1
interface: en3, virtual, Thunderbolt 2
interface: bridge0, bridge, Thunderbolt Bridge
`,
	"macos/ioreg/AppleBacklightDisplay": `
monitor: Apple, Color LCD, 2014-W10, 2560x1600
`,
	"macos/ioreg/AppleCLCD2": `
monitor: Dell, DELL P2421DC, 4S0QR63, 2021-W36, 2560x1440
`,
	"macos/ioreg/AppleDisplay": `
monitor: Dell, DELL 1708FP, C891H87R2GUS, 2008-W31, 1280x1024
`,
	"macos/ioreg/IOPlatformExpertDevice": `
machine: MacBook2,1, W87305UMYA8, 00000000-0000-1000-8000-001B633026B1, Mac-F4208CAA
`,
	"macos/ioreg/IOUSBDevice1": `
usb: 29-2, input, 05ac:021b, Apple Computer, Apple Internal Keyboard / Trackpad, 0.18
usb: 93-2, input, 05ac:8240, Apple Computer, Inc., IR Receiver, 1.10
usb: 125-1, other, 05ac:8205, Apple Inc., Bluetooth USB Host Controller, 19.65
usb: 253-4, camera, 05ac:8501, Micron, Built-in iSight, 1.89
usb: 253-3, storage, 1976:6025, CBM, Flash Disk, 16270078C5C90000, 1.00
`,
	"macos/system_profiler/10.4-powerpc": `
machine: PowerMac11,2, Power Mac G5, CK54202SR6V, 5.2.7f1
processor: PowerPC G5 (1.1), IBM, 2 processors, 2 cores, 2300 MHz, 2147 MB
system: Mac OS X Tiger, 10.4.11, 8S165, 8.11.0
module: DIMM0/J6700, 1073 MB, DDR2, 0
module: DIMM1/J6800, 1073 MB, DDR2, 0
disk: disk0, sata, Maxtor 6B250S0, B623KFXH, BANC1E50, 250997 MB, ok
graphics: GeForce 6600, NVIDIA, 268 MB
monitor: ASUS VH222, 1360x768
interface: en0, ethernet, 00:14:51:61:ef:08, Ethernet intégré, 100 Mbit/s, 10.0.1.110/24, by 10.0.1.1, up
interface: fw0, FireWire intégré
interface: en1, ethernet, 00:14:51:61:ef:09, Ethernet intégré 2
interface: fw1, FireWire intégré
pci: 10de:0141, display, GeForce 6600
pci: 14e4:166a, network, bcom5714
pci: 14e4:166a, network, bcom5714
`,
	"macos/system_profiler/10.5-powerpc": `
machine: PowerMac11,2, Power Mac G5, CK54202SR6V, 00000000-0000-1000-8000-00145161EF08, 5.2.7f1
processor: PowerPC G5 (1.1), IBM, 2 processors, 2 cores, 2300 MHz, 2147 MB
system: Mac OS X Leopard, 10.5.8, 9L31a, 9.8.0
module: DIMM0/J6700, 1073 MB, DDR2, 0
module: DIMM1/J6800, 1073 MB, DDR2, 0
disk: disk0, sata, Maxtor 6B250S0, B623KFXH, BANC1E50, 250997 MB, ok
disk: disk1, usb, USB 2.0, Flash Disk, 110074973765, 2104 MB
disk: disk2, usb, Kingston, DataTraveler 2.0, 89980116200801151425097A, 4037 MB
disk: disk3, firewire, (1394 ATAPI,Rev 1.00), 200048 MB
graphics: GeForce 6600, NVIDIA, 268 MB
monitor: ASUS VH222, 1680x1050
printer: Photosmart C4500 series [38705D], HP Photosmart C4500 series, mdns://Photosmart%20C4500%20series%20%5B38705D%5D._pdl-datastream._tcp.local.
interface: en0, ethernet, 00:14:51:61:ef:08, Ethernet, 100 Mbit/s, 10.0.1.110/24, by 10.0.1.1, up
interface: fw0, FireWire
interface: en1, wifi, 00:14:51:61:ef:09, AirPort
pci: 10de:0141, display, GeForce 6600
pci: 14e4:166a, network, Apple 5714
pci: 14e4:166a, network, Apple 5714
usb: 75-4, storage, 1e3d:2092, USB 2.0, Flash Disk, 110074973765, 1.00
usb: 75-1, storage, 0951:1607, Kingston, DataTraveler 2.0, 89980116200801151425097A, 2.00
usb: 11-2, input, 046d:c31b, Logitech, Logitech USB Keyboard, 60.00
usb: 43-1, input, 0461:4d15, USB Optical Mouse, 2.00
`,
	"macos/system_profiler/10.6-intel": `
machine: iMac7,1, iMac, W8805BRDX89, 00000000-0000-1000-8000-001EC20C3627, IM71.007A.B03
processor: Intel Core 2 Duo, Intel, 1 processors, 2 cores, 2400 MHz, 2147 MB
system: Mac OS X Snow Leopard, 10.6.4, 10F569, 10.4.0
module: BANK 0/DIMM0, 1073 MB, DDR2, 667, Micron, D5289015, 8HTF12864HDY-667E1
module: BANK 1/DIMM1, 1073 MB, DDR2, 667, 1024636750S
disk: disk0, sata, WDC WD3200AAJS-40VWA0, WD-WMARW0629615, 58.01D02, 320072 MB, ok
disk: disk1, usb, USB 2.0, Flash Disk, 110074973765, 2109 MB
disk: disk2, firewire, (1394 ATAPI,Rev 1.00), 200049 MB
graphics: ATI,RadeonHD2600, AMD, 268 MB
monitor: Apple, iMac, 1920x1200, built-in
printer: Photosmart C4500 series [38705D], HP Photosmart C4500 series, dnssd://Photosmart%20C4500%20series%20%5B38705D%5D._pdl-datastream._tcp.local.
interface: en0, ethernet, 00:1e:c2:0c:36:27, Ethernet, 100 Mbit/s, 10.0.1.101/24, by 10.0.1.1, up
interface: fw0, FireWire
interface: en1, wifi, 00:1e:c2:a7:26:6f, AirPort
interface: en2, ethernet, 00:1c:42:00:00:08, Parallels Shared Networking Adapter, 192.168.0.11/24, up
interface: en3, ethernet, 00:1c:42:00:00:09, Parallels Host-Only Networking Adapter, 192.168.1.16/24, up
usb: 253-4, camera, 05ac:8502, Apple Inc., Built-in iSight, 6067E773DA9722F4 (03.01), 1.55
usb: 250-2, hub, 05ac:1006, Apple, Inc., Keyboard Hub, 94.15
usb: 93-1, input, 05ac:8242, Apple Computer, Inc., IR Receiver, 0.16
usb: 26-1, other, 05ac:8206, Apple Inc., Bluetooth USB Host Controller, 19.65
usb: 250-2.1, storage, 1e3d:2092, USB 2.0, Flash Disk, 110074973765, 1.00
usb: 250-2.3, input, 046d:c016, Logitech, Optical USB Mouse, 3.40
usb: 250-2.2, input, 05ac:0221, Apple, Inc, Apple Keyboard, 0.69
bluetooth: phone, :, Broadcom (0x3, 0x2222), Mobile Phone, 00:1e:e2:27:e9:02
`,
	"macos/system_profiler/10.6.5-dual-monitor": `
graphics: ATI Radeon HD 5770, AMD, 1073 MB
monitor: E2441, 1920x1080
monitor: E2441, 1920x1080
`,
	"macos/system_profiler/10.6.6-intel": `
machine: MacBook2,1, MacBook, W8737DR1Z5V, 00000000-0000-1000-8000-001B66661EC3, MB21.00A5.B07
processor: Intel Core 2 Duo, Intel, 1 processors, 2 cores, 2000 MHz, 1073 MB
system: Mac OS X Snow Leopard, 10.6.6, 10J567, 10.6.0
module: BANK 0/DIMM0, 536 MB, DDR2, 667, SK hynix, 00003026, HYMP564S64CP6-Y5
module: BANK 1/DIMM1, 536 MB, DDR2, 667, SK hynix, 00006021, HYMP564S64CP6-Y5
disk: disk0, sata, FUJITSU MHW2080BHPL, K10RT792D51G, 0081001C, 80026 MB, ok
graphics: GMA 950, Intel, 0 MB
monitor: Apple, Color LCD, 1280x800, built-in
battery: DP, ASMB016, 0 mWh, 5 cycles
printer: 192.168.5.63, Generic PostScript Printer, lpd://192.168.5.63
printer: 192.168.5.97, HP LaserJet 2200, socket://192.168.5.97
interface: en0, ethernet, 00:1b:63:36:1e:c3, Ethernet, 100 Mbit/s, 172.20.10.171/23, 2001:660:3305:100:21b:63ff:fe36:1ec3/64, by 172.20.10.72 fe80::20b:60ff:feb0:b01b, up
interface: fw0, FireWire
interface: en1, wifi, 00:1c:b3:c0:56:85, AirPort
usb: 253-3, phone, 05ac:1297, Apple Inc., iPhone, ad21f6125218200927797eb473d3e7eeae31e5ae, 0.01
usb: 253-4, camera, 05ac:8501, Micron, Built-in iSight, 1.89
usb: 93-2, input, 05ac:8240, Apple Computer, Inc., IR Receiver, 1.10
usb: 29-2, input, 05ac:021b, Apple Computer, Apple Internal Keyboard / Trackpad, 0.18
usb: 125-1, other, 05ac:8205, Apple Inc., Bluetooth USB Host Controller, 19.65
`,
	"macos/system_profiler/SPCardReaderDataType_with_inserted_card.xml": `
disk: disk2, mmc, SDHC Card, 15931 MB
`,
	"macos/system_profiler/SPFireWireDataType.xml": `
disk: disk2, firewire, Target Disk Mode, 320071 MB
`,
	"macos/system_profiler/SPSerialATADataType.xml": `
disk: disk0, sata, WDC WD2500AAJS-40VWA1, WD-WCARY1264478, 58.01D02, 250059 MB, ok
`,
	"macos/system_profiler/SPSerialATADataType2.xml": `
disk: disk0, sata, Apple, APPLE SSD SD0128F, 1435NL400611, A222821, 121332 MB, ok
`,
	"macos/system_profiler/SPUSBDataType2.xml": `
disk: disk1, usb, Lexar, JumpDrive, AASOP1QMSZ0XG051, 7881 MB
disk: disk3, usb, TOSHIBA, External USB 3.0, 20150123045944, 500105 MB
disk: disk2, usb, General, UDisk 2.0, 1311141504461042257807, 2018 MB
usb: 253-5, storage, 05dc:a202, Lexar, JumpDrive, AASOP1QMSZ0XG051, 11.00
usb: 253-4, camera, 05ac:8501, Micron, Built-in iSight, 1.84
usb: 253-3, storage, 0480:a00c, TOSHIBA, External USB 3.0, 20150123045944, 1.07
usb: 29-1, hub, 05ac:1003, Mitsumi Electric, Hub in Apple Extended USB Keyboard, 4.10
usb: 125-1, other, 05ac:8206, Apple Inc., Bluetooth USB Host Controller, 19.65
usb: 125-2, input, 05ac:8240, Apple Computer, Inc., IR Receiver, 1.10
usb: 29-1.1, input, 05ac:0304, Primax Electronics, Apple Optical USB Mouse, 1.10
usb: 29-1.2, storage, abcd:1234, General, UDisk 2.0, 1311141504461042257807, 1.00
usb: 29-1.3, input, 05ac:020c, Mitsumi Electric, Apple Extended USB Keyboard, 4.10
`,
	"macos/system_profiler/SPUSBDataType3.xml": `
disk: disk3, usb, TOSHIBA, External USB 3.0, 20150123045944, 500105 MB
disk: disk1, usb, General, UDisk 2.0, 1311141504461042257807, 2018 MB
disk: disk6, usb, Lexar, JumpDrive, AASOP1QMSZ0XG051, 7881 MB
disk: disk5, usb, Generic, Mass Storage, 8CA13C74, 4123 MB
disk: disk4, usb, General, USB Flash Disk, 024279000000034C, 4005 MB
usb: 253-4, camera, 05ac:8501, Micron, Built-in iSight, 1.84
usb: 253-3, storage, 0480:a00c, TOSHIBA, External USB 3.0, 20150123045944, 1.07
usb: 29-1, hub, 05ac:1003, Mitsumi Electric, Hub in Apple Extended USB Keyboard, 4.10
usb: 125-1, other, 05ac:8206, Apple Inc., Bluetooth USB Host Controller, 19.65
usb: 125-2, input, 05ac:8240, Apple Computer, Inc., IR Receiver, 1.10
usb: 93-1, hub, 058f:9254, ALCOR, Generic USB Hub, 3.12
usb: 29-1.2, storage, 14cd:121c, Generic, Mass Storage Device, 812320100708, 5.00
usb: 29-1.1, storage, abcd:1234, General, UDisk 2.0, 1311141504461042257807, 1.00
usb: 29-1.3, input, 05ac:020c, Mitsumi Electric, Apple Extended USB Keyboard, 4.10
usb: 93-1.2, storage, 05dc:a202, Lexar, JumpDrive, AASOP1QMSZ0XG051, 11.00
usb: 93-1.3, storage, 0011:7788, Generic, Mass Storage, 8CA13C74, 1.03
usb: 93-1.1, storage, 8644:800e, General, USB Flash Disk, 024279000000034C, 1.00
usb: 93-1.4, input, 05ac:0304, Primax Electronics, Apple Optical USB Mouse, 1.10
`,
	"macos/system_profiler/SPUSBDataType_with_inserted_dvd.xml": `
disk: disk2, usb, Apple, Internal Memory Card Reader, 000000000820, 15931 MB
usb: 21-3, storage, 05ac:8406, Apple, Internal Memory Card Reader, 000000000820, 8.20
usb: 20-2, storage, 059b:0252, Iomega, Optical USB 2.0, DEF109C77CF6, 0.01
usb: 20-3, hub, 0a5c:4500, Apple Inc., BRCM20702 Hub, 1.00
usb: 20-3.3, other, 05ac:828f, Apple Inc., Bluetooth USB Host Controller, 1.06
`,
	"macos/system_profiler/SPUSBDataType_without_inserted_dvd.xml": `
usb: 21-3, storage, 05ac:8406, Apple, Internal Memory Card Reader, 000000000820, 8.20
usb: 20-2, other, 059b:0252, Iomega, Optical USB 2.0, DEF109C77CF6, 0.01
usb: 20-3, hub, 0a5c:4500, Apple Inc., BRCM20702 Hub, 1.00
usb: 20-3.3, other, 05ac:828f, Apple Inc., Bluetooth USB Host Controller, 1.06
`,
	"macos/system_profiler/charging-SPPowerDataType": `
battery: SMP, bq20z451, HD2J77, 46000 mWh, 125 cycles
`,
	"macos/system_profiler/dual-display-#475": `
graphics: Intel HD Graphics 530, Intel, 0 MB
graphics: AMD Radeon Pro 450, AMD, 2147 MB
monitor: Apple, Color LCD, 2880x1800, built-in
`,
	"macos/system_profiler/fiberchannel": `
module: BRANCH 0 CHANNEL 0/DIMM 1, 1073 MB, DDR2 FB-DIMM, 800, SK hynix, 0706650E, HYMP512F72CP8D3-S5
module: BRANCH 0 CHANNEL 1/DIMM 2, 1073 MB, DDR2 FB-DIMM, 800, SK hynix, 0706630D, HYMP512F72CP8D3-S5
module: BRANCH 1 CHANNEL 0/DIMM 3, 1073 MB, DDR2 FB-DIMM, 800, SK hynix, 0706670C, HYMP512F72CP8D3-S5
module: BRANCH 1 CHANNEL 1/DIMM 4, 1073 MB, DDR2 FB-DIMM, 800, SK hynix, 0706640C, HYMP512F72CP8D3-S5
disk: disk0, sas, ST380815AS N, XXXXXXX, 3.BUCZ, 81969 MB, ok
disk: disk1, sas, ST380815AS N, XXXXXXXX, 3.BUCZ, 81969 MB, ok
disk: disk3, sas, ST380815AS N, XXXXXXX, 3.BUCZ, 81969 MB, ok
disk: disk5, fibre channel, UltraStorRS16FS, 1.0., 22001227 MB
disk: disk4, fibre channel, Production Backu, R001, 22001227 MB
graphics: ATY,RadeonX1300, AMD, 67 MB
pci: 8086:0341, PCI-to-PCI Bridge, pci-bridge
pci: 8086:0340, PCI-to-PCI Bridge, pci-bridge
pci: 15bc:0105, Fibre Channel, ATTO Celerity FC-42ES
pci: 15bc:0105, Fibre Channel, ATTO Celerity FC-42ES
pci: 1002:7187, display, ATY,RadeonX1300
pci: 1000:0646, Fibre Channel, pci1000,646
pci: 1000:0646, Fibre Channel, pci1000,646
`,
	"macos/system_profiler/mojave-dual-video-cards": `
graphics: Intel HD Graphics 530, Intel, 0 MB
graphics: AMD Radeon Pro 450, AMD, 2147 MB
monitor: Apple, Color LCD, 2880x1800, built-in
`,
}
