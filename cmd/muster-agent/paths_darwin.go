package main

func (p *program) defaultStateDir() string { return "/Library/Application Support/muster-agent" }

func (p *program) defaultConfig() string { return "/Library/Application Support/muster-agent.yaml" }
