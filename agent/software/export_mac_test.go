package software

// What is read on macOS, over a tree, and rules that the tests feed directly.
var (
	MacApps       = macApps
	MacUserApps   = macUserApps
	MacReceipts   = macReceipts
	MacUpdates    = macUpdates
	MacExtensions = macExtensions
	MachoArch     = machoArch
	MacPublisher  = macPublisher
	ReportedDay   = reportedDay
	ParseBundle   = parseBundle
)
