package software

// What the tests use directly: places of each system on any system.
var (
	LinuxPlaces   = linuxPlaces
	DarwinPlaces  = darwinPlaces
	WindowsPlaces = windowsPlaces
	PlaceSources  = placeSources
	Alternatives  = alternatives
	LaterVersion  = laterVersion
)
