// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) == 3 && os.Args[1] == "sinks" {
		fail(sinks(os.Args[2]))
		return
	}
	bin := flag.String("bin", "bin", "folder of vigild and vigilctl")
	keep := flag.Bool("keep", false, "keep the files of the demonstration")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	err := demo(ctx, *bin, *keep)
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "interrupted; everything that was made is removed")
		stop()
		os.Exit(130)
	}
	fail(err)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo builds the lab, plays the failover and cleans up whatever happens.
func demo(ctx context.Context, bin string, keep bool) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("needs root for network namespaces: run it with sudo")
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	l, err := newLab()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil && ctx.Err() == nil {
			l.autopsy()
		}
		err = errors.Join(err, l.close(keep))
	}()
	say("building three hosts in network namespaces: directors a and b, and one that watches")
	if err := l.wire(); err != nil {
		return err
	}
	if err := watch(ctx, l, self); err != nil {
		return err
	}
	a := &director{name: "a", priority: 150, agentx: 7051, bin: bin, lab: l}
	b := &director{name: "b", priority: 100, agentx: 7052, bin: bin, lab: l}
	return play(ctx, l, a, b)
}

// play is the story itself.
func play(ctx context.Context, l *lab, a, b *director) error {
	for _, d := range []*director{a, b} {
		if err := d.configure(); err != nil {
			return err
		}
		if err := d.start(); err != nil {
			return err
		}
	}
	say("waiting for director a (priority 150) to hold %s and director b (priority 100) to back it up", vip)
	if err := errors.Join(a.reach(ctx, "MASTER", 20*time.Second), b.reach(ctx, "BACKUP", 20*time.Second)); err != nil {
		return err
	}
	if err := scraped(ctx, l); err != nil {
		return err
	}
	out, err := a.ctl(ctx, "status")
	if err != nil {
		return err
	}
	show("director a: vigilctl status", out)
	say("SIGKILL to every process of director a, at %s", clock(time.Now()))
	killed := time.Now()
	a.pull()
	if err := b.reach(ctx, "MASTER", 15*time.Second); err != nil {
		return err
	}
	say("director b is MASTER; asked %.1f s after the kill", time.Since(killed).Seconds())
	id, err := story(ctx, b)
	if err != nil {
		return err
	}
	say("the same failover, seven ways; its id is %s", id)
	if err := tell(ctx, l, id); err != nil {
		return err
	}
	why, err := b.ctl(ctx, "why", "VI_1")
	if err != nil {
		return err
	}
	show("and why? vigilctl why VI_1", why)
	say("bringing director a back")
	if err := a.start(); err != nil {
		return err
	}
	if err := errors.Join(a.reach(ctx, "MASTER", 20*time.Second), b.reach(ctx, "BACKUP", 20*time.Second)); err != nil {
		return err
	}
	back, err := b.ctl(ctx, "why", "VI_1")
	if err != nil {
		return err
	}
	show("director b gave the address back: vigilctl why VI_1", back)
	say("seven exits told one story with one id: %s", id)
	return nil
}

// scraped waits until Prometheus has both directors.
func scraped(ctx context.Context, l *lab) error {
	return until(ctx, 20*time.Second, "prometheus has scraped both directors", func() bool {
		rows, err := query(ctx, l, `vigil_vrrp_state == 1`)
		return err == nil && len(rows) == 2
	})
}

// story asks the new master for the id of its last transition.
func story(ctx context.Context, d *director) (string, error) {
	out, err := d.ctl(ctx, "why", "--json", "VI_1")
	if err != nil {
		return "", err
	}
	var v struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal([]byte(out), &v); err != nil || v.ID == "" {
		return "", fmt.Errorf("vigilctl why --json gives no id: %w: %s", err, out)
	}
	return v.ID, nil
}

// tell prints what each exit says about the story; an exit that says nothing
// within its time is an error.
func tell(ctx context.Context, l *lab, id string) error {
	var errs []error
	for i, e := range exits() {
		var said string
		var last error
		err := until(ctx, 20*time.Second, e.title, func() bool {
			said, last = e.read(ctx, l, id)
			return said != ""
		})
		if err != nil {
			errs = append(errs, errors.Join(err, last))
			continue
		}
		show(fmt.Sprintf("%d. %s", i+1, e.title), said)
	}
	return errors.Join(errs...)
}

// autopsy prints the end of what each program said, when something went wrong.
func (l *lab) autopsy() {
	for _, p := range l.procs {
		b, err := os.ReadFile(filepath.Join(l.dir, p.name+".out"))
		if err != nil || len(b) == 0 {
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(b)), "\n")
		show("last lines of "+p.name, strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
}

func say(format string, args ...any) { fmt.Printf("\n== "+format+"\n", args...) }

func show(title, text string) {
	fmt.Printf("\n-- %s\n", title)
	for line := range strings.Lines(text) {
		fmt.Print("   ", strings.TrimRight(line, "\n"), "\n")
	}
}
