package software

import (
	"path/filepath"

	"golang.org/x/sys/windows"
)

// systemDrive is the drive with Windows on it: "C:".
func systemDrive() string {
	dir, err := windows.GetSystemWindowsDirectory()
	if err != nil {
		return "C:" // where it is on nearly all
	}
	return filepath.VolumeName(dir)
}
