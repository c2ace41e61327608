package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/muster-itam/muster/scanner"
)

// lineEvery is how often progress is written where there is no terminal.
const lineEvery = 10 * time.Second

// progress shows how far a scan is: one line that changes on a terminal, a line now and
// then elsewhere.
type progress struct {
	w        io.Writer
	terminal bool
	now      func() time.Time

	mu    sync.Mutex
	last  time.Time
	shown bool
}

func newProgress(w io.Writer, terminal bool, now func() time.Time) *progress {
	return &progress{w: w, terminal: terminal, now: now, last: now()}
}

func (p *progress) update(s scanner.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := fmt.Sprintf("%s: %d of %d, %d addresses found", s.Phase, s.Probed, s.Planned, s.Found)
	if s.Left > 0 {
		text += fmt.Sprintf(", at most %s left", s.Left)
	}
	if p.terminal {
		p.shown = true
		fmt.Fprintf(p.w, "\r\x1b[K%s", text)
		return
	}
	if now := p.now(); now.Sub(p.last) >= lineEvery {
		p.last = now
		fmt.Fprintln(p.w, text)
	}
}

// done leaves the line.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
