package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
	"unsafe"

	"github.com/kardianos/service"
	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/muster-itam/muster/internal/inventory"
)

// serviceConfig runs the agent under its virtual account, which exists with the service alone,
// has no password and no more rights than an ordinary user. The image path is quoted by the
// service manager's client where it has spaces.
func serviceConfig(*settings) *service.Config {
	return &service.Config{
		Name:        serviceName,
		DisplayName: "muster agent",
		Description: "Reports this machine's hardware and software to the organisation's inventory.",
		UserName:    `NT SERVICE\` + serviceName,
		Arguments:   []string{"run"},
		Option:      service.KeyValue{"DelayedAutoStart": true},
	}
}

// installService makes the service, or brings one that an installer made to the same state:
// started again when it fails, and with its folders closed to everybody else.
func installService(s service.Service, set *settings, present bool) error {
	if err := guardState(set.stateDir); err != nil {
		return err
	}
	if !present {
		if err := s.Install(); err != nil {
			return err
		}
	}
	m, err := mgr.Connect()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	made, err := m.OpenService(serviceName)
	if err != nil {
		return err
	}
	defer func() { _ = made.Close() }()
	again := mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: time.Minute}
	return made.SetRecoveryActions([]mgr.RecoveryAction{again, again, again}, uint32((24 * time.Hour).Seconds()))
}

// guardState makes the state folder, and the one above it where that is the agent's own, with
// access for the system, the administrators and the service.
func guardState(stateDir string) error {
	if parent := filepath.Dir(stateDir); filepath.Base(parent) == "muster" {
		if err := guardFolder(parent, folderACL(aclRead)); err != nil {
			return err
		}
	}
	return guardFolder(stateDir, folderACL(aclModify))
}

// guardFolder makes a folder with a security descriptor. Ordinary users may make folders in
// ProgramData: one that is there already must be an administrator's, no junction, and hold
// nothing of anybody else's.
func guardFolder(path, sddl string) error {
	sd, err := windows.SecurityDescriptorFromString(sddl)
	if err != nil {
		return fmt.Errorf("access list of %s: %w", path, err)
	}
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return fmt.Errorf("make folder %q: %w", path, err)
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: sd}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	err = windows.CreateDirectory(name, &attributes)
	if err == nil {
		return nil
	}
	if !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return fmt.Errorf("make folder %s: %w", path, err)
	}
	if err := refuseForeign(path); err != nil {
		return err
	}
	owner, _, err := sd.Owner()
	if err != nil {
		return fmt.Errorf("access list of %s: %w", path, err)
	}
	dacl, _, err := sd.DACL()
	if err != nil {
		return fmt.Errorf("access list of %s: %w", path, err)
	}
	const what = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION | windows.PROTECTED_DACL_SECURITY_INFORMATION
	if err := windows.SetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, what, owner, nil, dacl, nil); err != nil {
		return fmt.Errorf("close folder %s to others: %w", path, err)
	}
	return nil
}

// refuseForeign refuses a tree with a link in it, or with anything that somebody other than the
// administrators, the service or the present user made.
func refuseForeign(root string) error {
	trusted := []string{serviceSID(serviceName)}
	if user, err := windows.GetCurrentProcessToken().GetTokenUser(); err == nil {
		trusted = append(trusted, user.User.Sid.String())
	}
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look through %s: %w", root, err)
		}
		if d.Type()&(fs.ModeSymlink|fs.ModeIrregular) != 0 {
			return inventory.Errorf(inventory.CodeForbidden, "%s is a link: delete it", path)
		}
		sd, err := windows.GetNamedSecurityInfo(path, windows.SE_FILE_OBJECT, windows.OWNER_SECURITY_INFORMATION)
		if err != nil {
			return fmt.Errorf("owner of %s: %w", path, err)
		}
		if who := openTo(sd.String()+"D:", trusted...); who != "" {
			return inventory.Errorf(inventory.CodeForbidden, "%s was made by %s, not by an administrator: delete it", path, who)
		}
		return nil
	})
}

// checkState refuses a state folder that others may read or write.
func checkState(stateDir string) error {
	const what = windows.OWNER_SECURITY_INFORMATION | windows.DACL_SECURITY_INFORMATION
	sd, err := windows.GetNamedSecurityInfo(stateDir, windows.SE_FILE_OBJECT, what)
	if err != nil {
		return fmt.Errorf("access list of state folder %s: %w", stateDir, err)
	}
	if who := openTo(sd.String(), serviceSID(serviceName)); who != "" {
		return inventory.Errorf(inventory.CodeForbidden,
			"state folder %s is open to %s: run muster-agent service install as an administrator", stateDir, who)
	}
	return nil
}

// prepareState gives a state folder that enrolment makes the access list it has as a service.
func prepareState(stateDir string) error {
	if _, err := os.Lstat(stateDir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if windows.GetCurrentProcessToken().IsElevated() {
		return guardState(stateDir)
	}
	return nil // a folder of the user's own, for trying things
}

// asService runs work under the service manager where that started the program.
func (p *program) asService(ctx context.Context, set *settings, work func(context.Context) error) error {
	if service.Interactive() {
		return work(ctx)
	}
	d := &daemon{ctx: ctx}
	s, err := service.New(d, serviceConfig(set))
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	events, err := s.SystemLogger(nil)
	if err == nil {
		p.err = eventLog{events}
	}
	d.work = func(ctx context.Context) error {
		if err := checkState(set.stateDir); err != nil {
			return err
		}
		return work(ctx)
	}
	d.failed = func(err error) { // the service manager starts it again
		fmt.Fprintf(p.err, "muster-agent: %s\n", plain(err.Error()))
		os.Exit(exitFailed)
	}
	return s.Run()
}

// eventLog writes lines of the log into the system's Application log.
type eventLog struct{ events service.Logger }

func (l eventLog) Write(line []byte) (int, error) {
	write := l.events.Info
	switch {
	case bytes.Contains(line, []byte("level=ERROR")), bytes.HasPrefix(line, []byte("muster-agent: ")):
		write = l.events.Error
	case bytes.Contains(line, []byte("level=WARN")):
		write = l.events.Warning
	}
	_ = write(string(bytes.TrimSpace(line))) // a full log must not stop reports
	return len(line), nil
}
