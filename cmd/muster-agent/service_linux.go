package main

// manageService: on Linux the packages bring the service, with its own account and its
// restrictions, and the system's own tools manage it.
func (p *program) manageService(_ *settings, action string) error {
	return mistakef("service %s: on Linux the package installs the service; use systemctl or rc-service with %s", action, serviceName)
}
