package main

func (p *program) defaultStateDir() string { return "/var/lib/muster-agent" }

func (p *program) defaultConfig() string { return "/etc/muster-agent/agent.yaml" }
