// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package track

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/sys/proc"
)

// Scripts runs each vrrp_script at its interval.
type Scripts struct {
	report  func(Report)
	run     func(context.Context, *proc.Command, time.Duration) proc.Exit
	running map[string]*script
}

// script is one vrrp_script and the goroutine that keeps its beat.
type script struct {
	settings ScriptSettings
	cancel   context.CancelFunc
	ended    chan struct{}
}

// NewScripts returns Scripts that run nothing yet.
func NewScripts(report func(Report)) *Scripts {
	return &Scripts{report: report, run: proc.Run, running: map[string]*script{}}
}

// Configure starts what is new or different and ends what is gone.
func (s *Scripts) Configure(list []ScriptSettings) {
	keep := map[string]bool{}
	for i := range list {
		if old := s.running[list[i].Name]; old != nil && old.settings.equal(&list[i]) {
			keep[list[i].Name] = true
		}
	}
	var gone []*script
	for name, old := range s.running {
		if !keep[name] {
			old.cancel()
			gone = append(gone, old)
			delete(s.running, name)
		}
	}
	for _, old := range gone {
		<-old.ended
	}
	for i := range list {
		if !keep[list[i].Name] {
			s.start(&list[i])
		}
	}
}

// Close ends every script.
func (s *Scripts) Close() { s.Configure(nil) }

func (s *Scripts) start(c *ScriptSettings) {
	ctx, cancel := context.WithCancel(context.Background())
	one := &script{settings: *c, cancel: cancel, ended: make(chan struct{})}
	s.running[c.Name] = one
	go s.beat(ctx, one)
}

// beat starts a run at each interval, the first at once. A run that is still
// going on when the next is due makes that one fall away.
func (s *Scripts) beat(ctx context.Context, one *script) {
	defer close(one.ended)
	var wg sync.WaitGroup
	defer wg.Wait()
	done := make(chan Report, 1)
	ticker := time.NewTicker(max(one.settings.Interval, time.Millisecond))
	defer ticker.Stop()
	busy, skipped := false, 0
	launch := func() {
		busy = true
		wg.Go(func() { done <- s.once(ctx, &one.settings) })
	}
	launch()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if busy {
				skipped++
				continue
			}
			launch()
		case r := <-done:
			busy = false
			if ctx.Err() != nil {
				return // it was ended by us and says nothing about its object
			}
			r.Skipped, skipped = skipped, 0
			s.report(r)
		}
	}
}

// Once runs a program once, to its end or that of its time or of ctx.
func Once(ctx context.Context, c *ScriptSettings) Report {
	return (&Scripts{run: proc.Run}).once(ctx, c)
}

// once makes one run.
func (s *Scripts) once(ctx context.Context, c *ScriptSettings) Report {
	r := Report{Subject: event.Subject{Kind: event.SubjectScript, Name: c.Name}, Run: true}
	if len(c.Argv) == 1 && strings.HasPrefix(c.Argv[0], "<") {
		opens(&r, strings.TrimSpace(c.Argv[0][1:]))
		return r
	}
	limit := c.Timeout
	if limit <= 0 {
		limit = c.Interval
	}
	x := s.run(ctx, c.command(), limit)
	r.OK, r.Took, r.Status = x.OK(), x.Took, x.Status
	switch {
	case x.TimedOut:
		r.Reason, r.Detail = event.FailTimeout, fmt.Sprintf("took longer than %v", limit)
	case x.Err != nil:
		r.Reason, r.Detail = event.FailSpawn, x.Err.Error()
	case x.Signal != 0:
		r.Reason, r.Status, r.Detail = event.FailSignal, int(x.Signal), x.Signal.String()
	case x.Status != 0:
		r.Reason = event.FailExit
	}
	return r
}

// opens is the whole of a "script" that names a file: whether it can be opened
// (compat: `</path`).
func opens(r *Report, path string) {
	start := time.Now()
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	r.Took = time.Since(start)
	if err != nil {
		r.Status, r.Reason, r.Detail = 1, event.FailExit, err.Error()
		return
	}
	f.Close()
	r.OK = true
}

func (c *ScriptSettings) command() *proc.Command {
	cmd := &proc.Command{
		Path: c.Argv[0], Args: c.Argv, Env: Environment(), Dir: "/",
		Credential: &proc.Credential{UID: c.UID, GID: c.GID, Groups: c.Groups},
		// compat: a script ends with the daemon.
		ParentDeath: syscall.SIGTERM,
	}
	if c.Shell {
		cmd.Path, cmd.Args = Shell(c.Argv)
	}
	if int(c.UID) == os.Geteuid() && int(c.GID) == os.Getegid() {
		cmd.Credential = nil
	}
	return cmd
}

// Shell makes a command line for the shell of one that is no executable file
// (compat).
func Shell(argv []string) (path string, args []string) {
	return "/bin/sh", []string{"/bin/sh", "-c", strings.Join(argv, " ")}
}

// Environment is what scripts inherit: all of ours but the variables that
// would change what a program loads or how a shell reads (compat).
func Environment() []string {
	var out []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "IFS", "LD_PRELOAD", "LD_LIBRARY_PATH", "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID":
		default:
			out = append(out, v)
		}
	}
	return out
}
