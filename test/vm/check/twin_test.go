// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package check_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vigild/vigild/test/netns/lab"
	"github.com/vigild/vigild/test/vm/farm"
)

// kinds are the daemons that must do the same.
var kinds = []lab.Kind{lab.Keepalived, lab.Vigild}

// limit is how long a daemon may take for one stage, in an emulated machine that
// others use too; how long it has to is in the configurations: a second or two.
const limit = 2 * time.Minute

// A plan is one configuration, and what happens to its servers.
type plan struct {
	servers int
	listen  func(t *testing.T, f *farm.Farm)
	// conf is the configuration. NOTE in it is a script whose arguments are
	// written down, DIR the folder of the farm's files.
	conf   string
	stages []stage
}

// A stage is something that happens, and what it leads to.
type stage struct {
	what string
	do   func(r *run)
	// table is what ipvsadm -Sn then says; ours, where it is set, what it says of
	// vigild, which then does better than keepalived 2.2.7 for a reason that
	// stands there.
	table, ours string
	// calls are the arguments of the scripts that are called, in any order;
	// words are the lines of lvs_notify_fifo, in theirs, unless any is set: when
	// servers that do not depend on each other are checked at random instants.
	calls, words string
	any          bool
	// unlike is what mails say that are not compared, for a reason that stands there.
	unlike string
	// worded says that each says in its own words why a check failed.
	worded bool
}

// A run is one daemon on one farm, going through a plan.
type run struct {
	*testing.T
	*farm.Farm
	daemon *lab.Daemon
	// text makes a configuration out of one of a plan.
	text func(conf string) string
}

// behave is a stage's action: one server changes its manner.
func behave(server int, m farm.Manner) func(*run) {
	return func(r *run) { r.Servers[server].Behave(m) }
}

// list splits a text into its lines, without indentation and empty ones.
func list(text string) []string {
	out := []string{}
	for l := range strings.Lines(text) {
		if l = strings.TrimSpace(l); l != "" {
			out = append(out, l)
		}
	}
	return out
}

func sorted(lines []string) []string {
	out := slices.Clone(lines)
	slices.Sort(out)
	return out
}

// TestTwins takes keepalived and vigild through each plan, each on a farm of its
// own: both hold the tables that are written there, call the scripts and write
// into the FIFO what is written there, send the same mails, and on the way from one table to the next
// hold nothing that is in neither.
func TestTwins(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		t.Run(strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			var mails [2][]string // after each stage
			t.Run("runs", func(t *testing.T) {
				for k, kind := range kinds {
					t.Run(kind.String(), func(t *testing.T) {
						t.Parallel()
						mails[k] = plans[name].play(t, kind)
					})
				}
			})
			if t.Failed() {
				return
			}
			for i := range mails[0] {
				if mails[0][i] != mails[1][i] {
					t.Errorf("after %s keepalived sends\n%s\nvigild\n%s", plans[name].stages[i].what, mails[0][i], mails[1][i])
				}
			}
		})
	}
}

// play takes a daemon through a plan and returns the mails after each stage.
//
// compat: of the mails about its own end keepalived ends before they are sent;
// vigild sends them. They are not compared.
func (p plan) play(t *testing.T, kind lab.Kind) (mails []string) {
	f := farm.New(t, 1, p.servers)
	d := f.Directors[0]
	f.Own(d)
	p.listen(t, f)
	fifo, box, table := f.FIFO("lvs"), f.Mailbox(d), f.Record(d)
	f.File("status", "exit 0\n", 0o755)
	note := f.Script("note")
	r := &run{T: t, Farm: f, text: func(conf string) string {
		return fmt.Sprintf(head, fifo.Path, box.Port) +
			strings.NewReplacer("NOTE", note, "DIR", f.Dir()).Replace(conf)
	}}
	var before []string
	var calls, words, seen, sent int
	for i, s := range p.stages {
		began := time.Now()
		if i == 0 {
			r.daemon = d.Start(kind, r.text(p.conf), lab.Whole())
		} else {
			s.do(r)
		}
		if kind == lab.Vigild && s.ours != "" {
			s.table = s.ours
		}
		want := sorted(list(s.table))
		state := table.Wait(limit, s.what, slices.Clone(want)...)
		nc, nw := len(list(s.calls)), len(list(s.words))
		lab.Until(t, limit, fmt.Sprintf("after %s: %d calls of scripts and %d lines of the FIFO", s.what, nc, nw), func() bool {
			return len(f.Calls("note")) >= calls+nc && len(fifo.Lines()) >= words+nw
		})
		if i < len(p.stages)-1 {
			// One for each line of the FIFO.
			var all, told []string
			lab.Until(t, limit, fmt.Sprintf("after %s: %d mails", s.what, nw), func() bool {
				all = box.Mails()
				told = s.compared(all[sent:])
				return len(told) >= nw
			})
			mails = append(mails, strings.Join(told, "\n"))
			sent = len(all)
		}
		if got, want := sorted(f.Calls("note")[calls:]), sorted(list(s.calls)); !slices.Equal(got, want) {
			t.Errorf("after %s the scripts were called with\n%s\nnot\n%s", s.what, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		got, meant := fifo.Lines()[words:], list(s.words)
		if s.any {
			got, meant = sorted(got), sorted(meant)
		}
		if !slices.Equal(got, meant) {
			t.Errorf("after %s the FIFO has\n%s\nnot\n%s", s.what, strings.Join(got, "\n"), strings.Join(meant, "\n"))
		}
		calls, words = len(f.Calls("note")), len(fifo.Lines())
		states := table.States()
		for _, between := range states[seen:] {
			for _, l := range between.Lines {
				if !slices.Contains(want, l) && !slices.Contains(before, l) {
					t.Errorf("on the way to %s the table held %s", s.what, l)
				}
			}
		}
		seen, before = len(states), want
		t.Logf("%s: %v", s.what, max(state.At.Sub(began), 0).Round(10*time.Millisecond))
	}
	return mails
}

// compared are the mails of a stage that are the same of both, in an order of their
// own.
func (s *stage) compared(mails []string) (out []string) {
	for _, m := range mails {
		if s.any {
			// The weight that there is then is that of whoever came first.
			m = alive.ReplaceAllString(m, "<= N <=")
		}
		if s.worded {
			m = failure.ReplaceAllString(m, "$1")
		}
		if s.unlike == "" || !strings.Contains(m, s.unlike) {
			out = append(out, m)
		}
	}
	return sorted(out)
}

// failure is why a check failed, in a mail.
var failure = regexp.MustCompile(`(=> CHECK failed on service) : .* <=`)

// alive is a weight in a mail about a quorum.
var alive = regexp.MustCompile(`<= \d+ <=`)

// head is what all plans have in common: a FIFO, and mails of everything.
const head = `global_defs {
    lvs_notify_fifo %s
    checker_log_all_failures
    smtp_server 127.0.0.1 %d
    smtp_connect_timeout 30
    smtp_helo_name director.example
    smtp_alert on
    notification_email_from director@example.org
    notification_email {
        ops@example.org
    }
}
`

func stop(r *run) { r.daemon.Signal(syscall.SIGTERM) }

func (r *run) reload(conf string) { r.daemon.Rewrite(r.text(conf)) }
