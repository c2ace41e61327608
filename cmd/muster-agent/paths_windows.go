package main

import "path/filepath"

func (p *program) defaultStateDir() string { return filepath.Join(p.programData(), "muster", "agent") }

func (p *program) defaultConfig() string {
	return filepath.Join(p.programData(), "muster", "agent.yaml")
}

func (p *program) programData() string {
	if dir, ok := p.env("ProgramData"); ok && filepath.IsAbs(dir) {
		return dir
	}
	return `C:\ProgramData`
}
