package source

import (
	"os"
	"os/exec"
)

// runEnv is what programs need to find the system's libraries.
func runEnv() []string { return []string{"SystemRoot=" + os.Getenv("SystemRoot")} }

func ownGroup(*exec.Cmd) {}
