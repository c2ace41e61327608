package hardware

import (
	"github.com/muster-itam/muster/agent/profiler"
	"github.com/muster-itam/muster/internal/inventory"
)

// Parsers for macOS that the tests feed directly.
var (
	ParseRegistry   = parseRegistry
	MacModules      = macModules
	MacDisks        = macDisks
	MacGPUs         = macGPUs
	MacMonitors     = macMonitors
	MacBatteries    = macBatteries
	MacPrinters     = macPrinters
	MacThunderbolt  = macThunderbolt
	MacBluetooth    = macBluetooth
	ReportUSB       = reportUSB
	ReportPCI       = reportPCI
	RegistryUSB     = registryUSB
	RegistryPCI     = registryPCI
	ParseIfconfig   = parseIfconfig
	ParsePorts      = parsePorts
	SettingsPorts   = settingsPorts
	JoinPorts       = joinPorts
	JoinServices    = joinServices
	ParseSSID       = parseSSID
	MacSecurity     = macSecurity
	MacSecureBoot   = macSecureBoot
	Gatekeeper      = gatekeeper
	GatekeeperPrefs = gatekeeperPrefs
	FileVault       = fileVault
	ParseAPFS       = parseAPFS
	MacUsers        = macUsers
	MacSoftware     = macSoftware
	MacVersion      = macVersion
	MacOSName       = macOSName
	MacHostName     = macHostName
	MacLastUser     = macLastUser
	MacAttributes   = macAttributes
	MacDirectory    = macDirectory
	MacEnrolment    = macEnrolment
	MacHypervisor   = macHypervisor
	MacClass        = macClass
	MacIdentifiers  = macIdentifiers
	Marketing       = marketing
	MacMemoryMaker  = macMemoryMaker
	NominalVolts    = nominalMilliVolts
	MacUSBPort      = macUSBPort
	SmartDate       = smartBatteryDate
	MediaSpeed      = mediaSpeed
	BatteryFigures  = macBatteryFigures
)

// NewShared makes a shared answer and gives the way to ask for it.
var NewShared = newShared[int]

// Get asks.
var Get = (*shared[int]).get

// RegNode is an entry of the registry.
type RegNode = regNode

// MacOverview is what a report tells of the machine.
func MacOverview(r profiler.Report) (serial, uuid string, h inventory.Hardware) {
	o := overview(r)
	o.fill(&h)
	return o.serial(), o.uuid(), h
}

// Expert is what the registry tells of the machine: model, serial number, UUID, board.
func Expert(roots []*regNode) [4]string {
	e := expert(roots)
	return [4]string{e.model, e.serial, e.uuid, e.board}
}

// Encryption and Join show what is made of APFS volumes.
func (a apfs) Encryption(root string) string   { return a.encryption(root) }
func (a apfs) Join(list inventory.Filesystems) { a.join(list) }
func (a apfs) Containers() inventory.Volumes   { return a.containers }

// PortName is what a port's interface is called.
func PortName(p macPort) string { return p.name }
