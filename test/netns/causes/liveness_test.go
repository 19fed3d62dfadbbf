// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package causes

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/vigild/vigild/test/netns/lab"
)

// pair is one instance on two directors.
const pair = `vrrp_instance VI_1 {
    state BACKUP
    interface eth0
    version 3
    virtual_router_id 51
    priority %d
    advert_int 0.2
    %s
    virtual_ipaddress {
        10.0.0.100/16 dev eth0
    }
}
`

// calm waits until a is master and b its backup.
func (o *observatory) calm() {
	o.t.Helper()
	o.a.Wait("VI_1", lab.Master, starting)
	o.b.Wait("VI_1", lab.Backup, starting)
	lab.Until(o.t, soon, "a is master and b is backup", func() bool {
		return o.a.State("VI_1") == lab.Master && o.b.State("VI_1") == lab.Backup
	})
}

// takesOver is the fault that shows as b becoming master after silence.
func (o *observatory) takesOver(f fault) fault {
	f.at, f.kind, f.subject, f.to, f.reason = o.b, "vrrp.state", "VI_1", "MASTER", "master_down_timer"
	return f
}

// TestMasterGone is about a master that goes, in all the ways in which it can.
func TestMasterGone(t *testing.T) {
	t.Parallel()
	o := observe(t)
	conf := func(priority int, more ...string) string {
		return fmt.Sprintf(pair, priority, strings.Join(more, "\n    "))
	}
	startA := func() { o.start(o.a, conf(150)) }
	startA()
	o.start(o.b, conf(100))
	silent := `^VI_1 went from BACKUP to MASTER: the master 10\.0\.0\.1 \(priority 150\) fell silent: nothing came for \S+ m?s, and the limit is \S+ m?s$`
	drop := func(rule string) func() {
		return func() {
			o.b.Run("nft", "add table ip loss; add chain ip loss in { type filter hook input priority 0; }; add rule ip loss in "+rule)
		}
	}
	// A third is lost, until some are missed, then all.
	lossy := func() {
		missed := func() float64 { return o.count(o.b, "vigil_vrrp_adverts_missed_total") }
		from := missed()
		drop("ip protocol 112 numgen inc mod 3 == 0 drop")()
		lab.Until(t, soon, "adverts are missed", func() bool { return missed() >= from+2 })
		o.b.Run("nft", "insert rule ip loss in ip protocol 112 drop")
	}
	undrop := func() { o.b.Run("nft", "delete table ip loss") }
	faults := []fault{
		o.takesOver(fault{what: "peer killed", act: func() { o.a.Kill() }, mend: startA, sentence: silent, why: []string{"this process .* not to blame"}}),
		o.takesOver(fault{what: "peer frozen", act: func() { o.a.all(syscall.SIGSTOP) }, mend: func() { o.a.all(syscall.SIGCONT) }, sentence: silent}),
		o.takesOver(fault{what: "link of the peer down", act: func() { o.a.Cut(0) }, mend: func() { o.a.Mend(0) }, sentence: silent}),
		o.takesOver(fault{what: "one-way loss", act: drop("ip protocol 112 drop"), mend: undrop, sentence: silent}),
		o.takesOver(fault{
			what: "lossy path", act: lossy, mend: undrop,
			sentence: `the master 10\.0\.0\.1 \(priority 150\) fell silent: .*; \d of the \d+ adverts before that were lost too$`,
		}),
		o.takesOver(fault{
			what: "peer stopped", act: func() { o.a.Stop() }, mend: startA,
			sentence: `the master 10\.0\.0\.1 announced that it gives up \(priority 0\)`,
		}),
		{
			what: "own link down", act: func() { o.a.Cut(0) }, mend: func() { o.a.Mend(0) }, at: o.a,
			kind: "vrrp.state", subject: "VI_1", to: "FAULT", reason: "interface",
			sentence: `^VI_1 went from MASTER to FAULT: interface eth0 is down, and this instance cannot do without it$`,
		},
	}
	for _, f := range faults {
		if f.what == "peer stopped" {
			f.reason = "priority_zero"
		}
		o.calm()
		o.try(t, f)
	}
	o.calm()
}
