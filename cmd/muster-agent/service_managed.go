//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/kardianos/service"

	"github.com/muster-itam/muster/internal/inventory"
)

// manageService carries out one of the actions of "muster-agent service".
func (p *program) manageService(set *settings, action string) error {
	s, err := service.New(&daemon{}, serviceConfig(set))
	if err != nil {
		return fmt.Errorf("service: %w", err)
	}
	state, err := s.Status()
	present := !errors.Is(err, service.ErrNotInstalled)
	if err != nil && present {
		return fmt.Errorf("look for the service: %w", err)
	}
	switch action {
	case "install":
		err = installService(s, set, present)
	case "uninstall":
		err = uninstallService(s, present, state == service.StatusRunning)
	case "status":
		return p.printServiceState(present, state)
	case "start":
		if state != service.StatusRunning {
			err = s.Start()
		}
	case "stop":
		if state == service.StatusRunning {
			err = s.Stop()
		}
	}
	if err != nil {
		return fmt.Errorf("%s service %s: %w", action, serviceName, err)
	}
	return nil
}

func uninstallService(s service.Service, present, running bool) error {
	if !present {
		return nil
	}
	if running {
		if err := s.Stop(); err != nil {
			return err
		}
	}
	return s.Uninstall()
}

func (p *program) printServiceState(present bool, state service.Status) error {
	if !present {
		return inventory.Errorf(inventory.CodeNotFound, "the service %s is not installed", serviceName)
	}
	word := map[service.Status]string{service.StatusRunning: "running", service.StatusStopped: "stopped"}[state]
	if word == "" {
		word = "in an unknown state"
	}
	_, err := fmt.Fprintf(p.out, "%s is %s\n", serviceName, word)
	return err
}

// daemon is the agent as the service manager starts and stops it.
type daemon struct {
	work   func(context.Context) error
	failed func(error) // called when work ended by itself with an error

	ctx     context.Context //nolint:containedctx // the service manager's calls have none
	cancel  context.CancelFunc
	done    chan struct{}
	stopped atomic.Bool
}

// Start begins the work and returns at once, as service managers want it.
func (d *daemon) Start(service.Service) error {
	ctx, cancel := context.WithCancel(d.ctx)
	d.cancel, d.done = cancel, make(chan struct{})
	go func() {
		defer close(d.done)
		if err := d.work(ctx); err != nil && !d.stopped.Load() {
			d.failed(err)
		}
	}()
	return nil
}

// Stop ends the work and waits for it.
func (d *daemon) Stop(service.Service) error {
	d.stopped.Store(true)
	d.cancel()
	<-d.done
	return nil
}
