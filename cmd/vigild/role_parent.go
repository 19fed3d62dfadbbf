// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vigild/vigild/cmd/vigild/cmdline"
	"github.com/vigild/vigild/cmd/vigild/files"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"github.com/vigild/vigild/collector/log"
	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/config/syntax"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/notify"
	"github.com/vigild/vigild/engine/run/parent"
	"github.com/vigild/vigild/engine/run/role"
	"github.com/vigild/vigild/engine/sys/proc"
	"github.com/vigild/vigild/engine/track"
)

// director is the parent role with everything that it is wired to.
type director struct {
	o       *cmdline.Options
	log     *slog.Logger
	started time.Time
	sink    *log.Sink
	// agentx is the address of the SNMP master in force.
	agentx    atomic.Pointer[string]
	exits     *exits
	listeners *listeners
	pids      *files.PIDFiles
	dumps     *files.Dumps
	timetable *files.Timetable
	pidPath   string
	// inForce is what the configuration in force says of reloads.
	inForce atomic.Pointer[config.Reload]
	running func()
	// draft shows the check role a text before it is judged.
	draft func([]byte)
}

// daemon runs vigild and returns the exit status.
func daemon(o *cmdline.Options, complaints io.Writer) int {
	var found []syntax.Problem
	l, err := load(o, nil, func(p syntax.Problem) { found = append(found, p) })
	bad, isBad := errors.AsType[*badConfig](err)
	namespace := o.Namespace
	switch {
	case namespace != "":
	case isBad:
		namespace = bad.namespace
	case err == nil:
		namespace = l.conf.Global.NetNamespace
	}
	// The interfaces of the configuration are those of its namespace, so what is
	// wrong with it is said inside.
	if err := enterNamespace(namespace); err != nil {
		fmt.Fprintln(complaints, err)
		return parent.ExitFatal
	}
	if err != nil {
		for _, p := range found {
			fmt.Fprintln(complaints, p)
		}
		if !isBad {
			fmt.Fprintln(complaints, err)
		}
		return statusOf(err)
	}
	running := detached()
	if running == nil && !o.NoFork {
		return detach(complaints)
	}
	d := &director{o: o, started: time.Now(), running: running}
	return d.run(l, found, complaints)
}

// run is the life of the parent role.
func (d *director) run(l *loaded, found []syntax.Problem, complaints io.Writer) int {
	c := l.conf
	fail := func(err error) int {
		fmt.Fprintln(complaints, err)
		return parent.ExitFatal
	}
	paths := files.PIDPaths(d.o, &c.Global)
	for _, p := range paths {
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			return fail(err)
		}
	}
	if d.o.Umask >= 0 {
		syscall.Umask(d.o.Umask)
	} else {
		syscall.Umask(int(c.Global.Umask))
	}
	pid, err := files.LockPID(paths[event.RoleParent])
	if errors.Is(err, files.ErrRunning) {
		fmt.Fprintln(complaints, files.ErrRunning)
		return parent.ExitFatal
	}
	if err == nil {
		err = pid.Write(os.Getpid())
	}
	if err != nil {
		return fail(err)
	}
	defer pid.Remove()
	d.pidPath = paths[event.RoleParent]
	if name := c.Global.Processes.Parent.Name; name != "" {
		// A name is not worth a complaint.
		_ = proc.SetName(name)
	}
	d.wire(l, found)
	defer d.flush()
	d.pids = files.NewPIDFiles(paths, d.complain)
	defer d.pids.Remove()
	defer d.listeners.close()
	if d.o.DumpConf {
		d.log.Info("configuration", "text", string(config.Print(c)))
	}
	g, err := d.generation(l)
	if err != nil {
		return fail(err)
	}
	if d.o.Core {
		restore, err := dumpCore(d.o.CorePattern)
		if err != nil {
			d.complain(err)
		}
		defer restore()
	}
	if d.o.AddressMonitoring {
		stop, err := logAddresses(d.log)
		if err != nil {
			return fail(err)
		}
		defer stop()
	}
	d.script("startup_script", &c.Global.Startup, c.Global.StartupTimeout)
	loop := parent.New(d.options())
	d.draft = loop.Draft
	status := loop.Run(g)
	d.timetable.Close()
	d.script("shutdown_script", &c.Global.Shutdown, c.Global.ShutdownTimeout)
	d.log.Info("stopped", "status", status)
	return status
}

// options wires the parent's loop.
func (d *director) options() parent.Options {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, files.StatsClear, files.JSON)
	if d.o.IgnoreSigint {
		signal.Ignore(syscall.SIGINT)
	} else {
		signal.Notify(signals, syscall.SIGINT)
	}
	signal.Ignore(syscall.SIGPIPE)
	d.timetable = &files.Timetable{Reload: func() { signals <- syscall.SIGHUP }, Say: func(what string, err error) {
		if err != nil {
			err = fmt.Errorf("%s: %w", what, err)
			d.complain(err)
			return
		}
		d.log.Info("timetable", "what", what)
	}}
	d.timetable.Start()
	complaints := os.Stderr
	if d.running != nil {
		complaints = nil
	}
	o := parent.Options{
		Clock:    role.SystemClock(),
		Launcher: processes(d.o, complaints),
		Load:     d.reload,
		Watch:    func(report func(track.Report)) parent.Watcher { return track.New(report) },
		Readers:  d.exits.readers(),
		Said:     d.exits.said,
		Settle:   d.exits.settle,
		Exits:    d.exits.counters,
		Signals:  signals,
		Tell:     d.tell,
		Dump:     d.dump,
		Commands: d.commands(),
		Started:  d.pids.Started,

		NoRespawn: d.o.NoRespawn,
	}
	if d.o.Single {
		o.Launcher = goroutines(d.o)
	}
	if every, err := systemd.SdWatchdogEnabled(false); err == nil && every > 0 {
		o.Watchdog = every / 2
	}
	return o
}

// reload reads the configuration anew for the loop.
func (d *director) reload() (*parent.Generation, error) {
	r := d.inForce.Load()
	unmark, err := files.Mark(r.File, d.pidPath)
	if err != nil {
		d.complain(err)
	}
	var found []syntax.Problem
	l, err := load(d.o, d.draft, func(p syntax.Problem) {
		found = append(found, p)
		d.problem(p)
	})
	unmark()
	if r.Check && r.CheckLog != "" {
		if err := report(r.CheckLog, found); err != nil {
			d.complain(err)
		}
	}
	if err != nil {
		return nil, err
	}
	return d.generation(l)
}

// report writes what the test of a new configuration found to the file of
// reload_check_config. That it is tested before anything changes is so without
// the keyword, too.
func report(path string, found []syntax.Problem) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("reload_check_config: %w", err)
	}
	return errors.Join(syntax.Report(f, "text", version, found), f.Close())
}

// generation wires a configuration.
func (d *director) generation(l *loaded) (*parent.Generation, error) {
	g, err := generation(d.o, l, d.started)
	if err != nil {
		return nil, err
	}
	if g.Listeners, err = d.listeners.wanted(l.observe); err != nil {
		d.complain(err)
	}
	g.Drop = func() { d.listeners.drop(g.Listeners) }
	g.Apply = func() {
		d.listeners.use(g.Listeners)
		d.agentx.Store(&l.observe.SNMP.Master)
		d.dumps.Config = l.conf
		r := l.conf.Global.Reload
		d.inForce.Store(&r)
		d.timetable.Configure(r.TimeFile, r.Repeat)
		if err := d.exits.configure(l.conf); err != nil {
			d.complain(err)
		}
	}
	return g, nil
}

// wire builds the parent's own exits.
func (d *director) wire(l *loaded, found []syntax.Problem) {
	var err error
	d.sink, err = logOptions(d.o).open(&l.observe.Log)
	d.log = slog.New(d.sink.Handler())
	if err != nil {
		d.complain(err) // the outputs that could be opened work
	}
	d.log.Info("starting", "version", version, "pid", os.Getpid(), "file", d.o.File)
	for _, p := range found {
		d.problem(p)
	}
	if d.exits, err = newExits(d.sink, l.conf); err != nil {
		d.complain(err) // the exits that could be opened work
	}
	d.listeners = &listeners{}
	d.dumps = &files.Dumps{Config: l.conf, Suffix: files.Suffix(d.o, &l.conf.Global)}
}

// flush brings the last lines of the log out.
func (d *director) flush() {
	close(d.exits.ended)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	d.sink.Close(ctx)
}

// script runs startup_script or shutdown_script to its end.
func (d *director) script(keyword string, s *notify.Script, limit time.Duration) {
	if !s.Set() {
		return
	}
	c := notify.Command{Argv: s.Argv, Env: track.Environment(), User: s.User, Group: s.Group}
	if r := d.exits.run(context.Background(), c, limit); r.Reason != event.ReasonNone {
		d.log.Warn("script", "keyword", keyword, "reason", r.Reason.String(), "status", r.Status, "detail", r.Detail)
	}
}

// corePattern is where the kernel keeps the names of core dumps.
const corePattern = "/proc/sys/kernel/core_pattern"

// dumpCore lets the processes of vigild leave a core dump when they crash, and
// returns what gives the kernel back the pattern of names that it had.
func dumpCore(pattern string) (restore func(), err error) {
	restore = func() {}
	err = os.Setenv("GOTRACEBACK", "crash") // for those that are started from here
	err = errors.Join(err, proc.UnlimitCore())
	if pattern == "" {
		return restore, err
	}
	old, failed := os.ReadFile(corePattern)
	if failed == nil {
		failed = os.WriteFile(corePattern, []byte(pattern), 0)
	}
	if failed == nil {
		// It was like that before, so it can be written.
		restore = func() { _ = os.WriteFile(corePattern, old, 0) }
	}
	return restore, errors.Join(err, failed)
}

// tell talks to the service manager, and at the first READY to whoever waits
// for a daemon to detach.
func (d *director) tell(state string) {
	if d.running != nil && strings.HasPrefix(state, "READY=") {
		d.running()
	}
	if _, err := systemd.SdNotify(false, state); err != nil {
		d.log.Warn("service manager", "error", err)
	}
}

func (d *director) complain(err error) { d.log.Error("trouble", "error", err) }

// problem logs one problem of a configuration.
func (d *director) problem(p syntax.Problem) {
	level := slog.LevelError
	switch p.Level {
	case syntax.Note:
		level = slog.LevelInfo
	case syntax.Warning:
		level = slog.LevelWarn
	case syntax.Error:
	}
	d.log.Log(context.Background(), level, "configuration", "problem", p.String())
}
