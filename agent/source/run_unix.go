//go:build unix

package source

import (
	"os/exec"
	"syscall"
)

func runEnv() []string { return []string{"LC_ALL=C", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"} }

// ownGroup makes the end of the program the end of what it started, too.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
