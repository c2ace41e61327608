package main

import (
	"context"
	"flag"
)

// serviceName is what the service manager knows the agent by.
const serviceName = "muster-agent"

// service manages the agent in the system's service manager.
func (p *program) service(set *settings) command {
	return command{
		flags: func(*flag.FlagSet) {},
		args:  true,
		run: func(_ context.Context, args []string) error {
			if len(args) != 1 {
				return mistakef("service takes one of install, uninstall, start, stop, status")
			}
			switch args[0] {
			case "install", "uninstall", "start", "stop", "status":
				return p.manageService(set, args[0])
			}
			return mistakef("service %q: there are install, uninstall, start, stop, status", args[0])
		},
	}
}
