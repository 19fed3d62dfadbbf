// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package snmp

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
	"github.com/vigild/vigild/mib"
)

// standards is a View with an instance of each version and family, as far as the
// modules of the RFCs tell them apart.
func standards() *ledger.View {
	v := &ledger.View{Global: global("S")}
	v.Global.SNMPRFC2, v.Global.SNMPRFC3, v.Global.Traps = true, true, true
	v.Interfaces = []*event.InterfaceRow{{Name: "eth0", IfIndex: 7, Up: true}}
	two := instance("two", "eth0", 9, 2, 100, event.Master)
	own(two, "192.0.2.1/24", "192.0.2.2/24")
	two.Addresses[1].Row.Advertised = false
	two.Row.AuthType = 1
	two.Tally = event.Tally{Source: "198.51.100.1", MAC: "02:00:00:00:00:0f", Promotions: 3, Received: 1<<32 + 5, InState: [4]time.Duration{0, time.Second, 2 * time.Second}}
	i, _ := event.RejectAuthFailure.RejectIndex()
	two.Tally.Rejects[i] = 4
	two.Last = event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.Preempt}
	six := instance("six", "eth0", 9, 3, 50, event.Backup)
	six.Row.Subject.Family = 6
	own(six, "fe80::99/64", "2001:db8::99/64")
	six.Tally = event.Tally{Master: "fe80::2%eth0", MAC: "?"}
	six.Rejected = []ledger.Rejection{{Last: event.Event{Reason: event.RejectTTL}}, {Last: event.Event{Reason: event.RejectAddressList}}}
	bare := instance("bare", "eth0", 1, 2, 100, event.Master)
	twin := instance("twin", "eth0", 9, 2, 1, event.Backup)
	own(twin, "192.0.2.7/24")
	v.Instances = []*ledger.Instance{six, two, bare, twin}
	return v
}

func TestModulesOfTheRFCs(t *testing.T) {
	v := standards()
	for root, want := range map[string][]string{
		mib.RFC2787: {
			".1.3.1.2.7.9 = Hex-STRING: 02 00 00 00 00 0F ", ".1.3.1.3.7.9 = INTEGER: 3", ".1.3.1.5.7.9 = INTEGER: 100", ".1.3.1.6.7.9 = INTEGER: 1",
			".1.3.1.7.7.9 = IpAddress: 0.0.0.0", ".1.3.1.8.7.9 = IpAddress: 198.51.100.1", ".1.3.1.9.7.9 = INTEGER: 2",
			".1.3.1.13.7.9 = TimeTicks: 300", ".1.4.1.2.7.9.192.0.2.1 = INTEGER: 1", ".2.4.1.1.7.9 = Counter32: 3", ".2.4.1.2.7.9 = Counter32: 5", ".2.4.1.4.7.9 = Counter32: 4",
		},
		mib.RFC6527: {
			".1.1.1.1.3.7.9.1 = Hex-STRING: C6 33 64 01 ", ".1.1.1.1.3.7.9.2 = Hex-STRING: FE 80 00 00 00 00 00 00 00 00 00 00 00 00 00 02 ",
			".1.1.1.1.4.7.9.2 = Hex-STRING: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 ", `.1.1.1.1.5.7.9.2 = ""`, ".1.1.1.1.6.7.9.2 = INTEGER: 2",
			".1.1.2.1.2.7.9.2.32.1.13.184.0.0.0.0.0.0.0.0.0.0.0.153 = INTEGER: 1", ".1.2.5.1.2.7.9.1 = INTEGER: 2", ".1.2.5.1.2.7.9.2 = INTEGER: 0",
			".1.2.5.1.3.7.9.1 = Counter64: 4294967301", ".1.2.5.1.6.7.9.1 = INTEGER: 0", ".1.2.5.1.6.7.9.2 = INTEGER: 1", ".1.2.5.1.13.7.9.1 = Gauge32: 1000",
		},
	} {
		got := walk(t, v, root)
		for _, l := range want {
			if !slices.Contains(got, "."+root+l) {
				t.Errorf("no %s%s in\n%s", root, l, strings.Join(got, "\n"))
			}
		}
		// Without an address there is no row, and of two of one name only the first.
		for _, l := range got {
			if strings.Contains(l, ".7.1 ") || strings.Contains(l, "192.0.2.7") && strings.HasPrefix(l, "."+mib.RFC2787+".1.3") {
				t.Errorf("surplus %s", l)
			}
		}
	}
}

func TestTrapsOfTheRFCs(t *testing.T) {
	refused := func(name string, why event.Reason) event.Event {
		e := event.Event{Epoch: 1, Seq: 2, Kind: event.VRRPAdvertRejected, Reason: why, Subject: event.Subject{Kind: event.SubjectInstance, Name: name}}
		e.Evidence.Peer = standards().Instances[1].Addresses[0].Row.Prefix.Addr()
		return e
	}
	restated := moved(2, "two", event.Backup, event.Master, event.MasterDownTimer)
	restated.Snapshot = true
	unasked, silent, unheard := standards(), standards(), standards()
	unasked.Global.SNMPRFC2, unasked.Global.SNMPRFC3 = false, false
	silent.Global.Traps = false
	unheard.Instances[1].Tally.Source = ""
	const oldOne, newOne = ".68.0.1 .68.1.3.1.7.7.9=IpAddress: 198.51.100.1", ".207.0.1 .207.1.1.1.1.3.7.9.1=Hex-STRING: C6 33 64 01  .207.1.2.5.1.2.7.9.1=INTEGER: "
	for _, c := range []struct {
		name   string
		view   *ledger.View
		always bool
		e      event.Event
		want   string
		known  bool
	}{
		{"a master fell silent", standards(), false, moved(2, "two", event.Backup, event.Master, event.MasterDownTimer), oldOne + "; " + newOne + "3", true},
		{"a master said goodbye", standards(), false, moved(2, "two", event.Backup, event.Master, event.PriorityZero), oldOne + "; " + newOne + "1", true},
		{"a master is preempted", standards(), false, moved(2, "two", event.Backup, event.Master, event.Preempt), oldOne + "; " + newOne + "2", true},
		{"-x", unasked, true, moved(2, "two", event.Backup, event.Master, event.Preempt), oldOne + "; " + newOne + "2", true},
		{"nobody asked", unasked, false, moved(2, "two", event.Backup, event.Master, event.Preempt), "", true},
		{"no notifications", silent, false, moved(2, "two", event.Backup, event.Master, event.Preempt), "", true},
		{"a master before it has counted", unheard, false, moved(2, "two", event.Init, event.Master, event.Startup), "?", false},
		{"a master of what was restated", standards(), false, restated, "", true},
		{"a worker that goes on", standards(), false, moved(2, "two", event.Init, event.Master, event.Resumed), "", true},
		{"a backup", standards(), false, moved(2, "two", event.Master, event.Backup, event.HigherPriority), "", true},
		{"one without addresses", standards(), false, moved(2, "bare", event.Backup, event.Master, event.Preempt), "", true},
		{"one that is gone", standards(), false, moved(2, "nobody", event.Backup, event.Master, event.Preempt), "", true},
		{"a wrong password", standards(), false, refused("two", event.RejectAuthFailure), ".68.0.2 .68.1.5.7.9=IpAddress: 192.0.2.1 .68.1.6.7.9=INTEGER: 3", true},
		{"a wrong time to live", standards(), false, refused("six", event.RejectTTL), ".207.0.2 .207.1.2.5.1.6.7.9.2=INTEGER: 1", true},
		{"other addresses", standards(), false, refused("six", event.RejectAddressList), "", true},
	} {
		ns, known := rfc(c.view, &c.e, c.always)
		var got []string
		for _, n := range ns {
			parts := []string{"." + n.Trap.String()}
			for _, b := range n.VarBinds[:len(n.VarBinds)-len(about(&c.e))] {
				parts = append(parts, strings.Replace(line(b), " = ", "=", 1))
			}
			got = append(got, strings.ReplaceAll(strings.Join(parts, " "), ".1.3.6.1.2.1", ""))
		}
		if s := strings.Join(got, "; "); known != c.known || s != c.want && c.known {
			t.Errorf("%s: %v\n%s\nwant\n%s", c.name, known, s, c.want)
		}
	}
}
