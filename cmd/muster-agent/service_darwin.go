package main

import (
	"os"

	"github.com/kardianos/service"

	"github.com/muster-itam/muster/internal/inventory"
	"github.com/muster-itam/muster/packaging/launchd"
)

// serviceConfig is the LaunchDaemon of packaging/launchd. The library finds launchctl by PATH,
// so that is the system's own from here on.
func serviceConfig(*settings) *service.Config {
	_ = os.Setenv("PATH", "/usr/bin:/bin:/usr/sbin:/sbin") // these words are valid
	return &service.Config{Name: launchd.Label, Option: service.KeyValue{"LaunchdConfig": launchd.Plist}}
}

// installService writes the property list. The program must be where that names it: a folder
// that only root may change, which /usr/local/bin often is not.
func installService(s service.Service, _ *settings, present bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if self != launchd.Program {
		return inventory.Errorf(inventory.CodeInvalid, "the service runs %s, this is %s: install.sh puts it there", launchd.Program, self)
	}
	if present {
		return nil
	}
	return s.Install()
}
