// SPDX-FileCopyrightText: The vigild authors
// SPDX-License-Identifier: Apache-2.0

package dump

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/vigild/vigild/config"
	"github.com/vigild/vigild/engine/event"
	"github.com/vigild/vigild/engine/ledger"
)

const sample = `global_defs {
    router_id here
    json_version 2
    vrrp_garp_master_repeat 2
}
vrrp_script chk {
    script "/bin/true x"
    interval 2
}
vrrp_track_process p {
    process /usr/sbin/haproxy -db
    param_match exact
    quorum 2
    quorum_max 4
    weight -3
}
vrrp_instance VI_1 {
    interface lo
    virtual_router_id 51
    priority 100
    authentication {
        auth_type AH
        auth_pass hidden
    }
    virtual_ipaddress {
        192.0.2.1/24 dev lo label lo:1
    }
    virtual_ipaddress_excluded {
        2001:db8::1/128 preferred_lft 0
    }
    track_script {
        chk weight 5
    }
    track_process {
        p
    }
}
`

// source is a configuration and what became of it.
func source(t *testing.T, events ...event.Event) *Source {
	t.Helper()
	c, found := config.Parse([]byte(sample), config.Environment{Hostname: "test"})
	if c == nil || config.RunExit(found) != 0 {
		t.Fatal(found)
	}
	l := ledger.New()
	l.Rows(c.Rows(config.RowsOf{Version: "test", Generation: 1}))
	for i := range events {
		events[i].Epoch, events[i].Seq = 7, uint64(i+1)
		events[i].Subject = config.Subject(&c.VRRP.Instances[0])
		l.Apply(&events[i])
	}
	return &Source{Config: c, View: l.View()}
}

func TestJSONOfVersionTwo(t *testing.T) {
	s := source(t,
		event.Event{Kind: event.VRRPState, From: event.Backup, To: event.Master, Reason: event.MasterDownTimer, Priority: 103, Wall: 1_500_000_000},
		event.Event{Kind: event.AddressAdded, Count: 2})
	text, err := JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hidden") || strings.Contains(string(Data(s)), "hidden") {
		t.Error("a password was written")
	}
	var all struct {
		VRRP      []struct{ Data map[string]any }
		Processes []map[string]any `json:"track_process"`
	}
	if err := json.Unmarshal(text, &all); err != nil || len(all.VRRP) != 1 || len(all.Processes) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	for key, want := range map[string]any{
		"iname": "VI_1", "state": 2.0, "vrid": 51.0, "effective_priority": 103.0, "vipset": true, "auth_type": 2.0, "auth_data": masked, "last_transition": 1.5,
	} {
		if got := all.VRRP[0].Data[key]; got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	for key, want := range map[string]any{"process": "p", "param_match": "exact", "min_processes": 2.0, "max_processes": 4.0, "weight": -3.0, "have_quorum": false} {
		if got := all.Processes[0][key]; got != want {
			t.Errorf("%s is %v, want %v", key, got, want)
		}
	}
	// The other layout is the list alone.
	s.Config.Global.Dump.JSONVersion = 1
	text, err = JSON(s)
	var list []any
	if err != nil || json.Unmarshal(text, &list) != nil || len(list) != 1 {
		t.Errorf("version 1: %v: %s", err, text)
	}
}

func TestStatsCountFromTheLastClear(t *testing.T) {
	s := source(t)
	in := s.View.Instances[0]
	in.Tally.Sent, in.Tally.Promotions = 42, 2
	i, _ := event.RejectTTL.RejectIndex()
	in.Tally.Rejects[i] = 3
	has := func(want ...string) {
		t.Helper()
		text := string(Stats(s))
		for _, w := range want {
			if !strings.Contains(text, w+"\n") {
				t.Errorf("lacks %q:\n%s", w, text)
			}
		}
	}
	has("    Sent: 42", "  Became master: 2", "    TTL: 3")
	s.Cleared = Clear(s.View)
	has("    Sent: 0", "  Became master: 0", "    TTL: 0")
	s.View.Instances[0].Tally.Sent = 50
	s.Cleared["VI_1"] = event.Tally{Sent: 42, Promotions: 9}
	has("    Sent: 8", "  Became master: 2") // one that began anew is not negative
}

func TestDataHasWhatIsKnown(t *testing.T) {
	s := source(t, event.Event{Kind: event.VRRPState, From: event.Init, To: event.Backup, Reason: event.Startup})
	lines := strings.Split(string(Data(s)), "\n")
	for _, want := range []string{
		" Router ID = here", " Gratuitous ARP repeat = 2", " Gratuitous ARP delay = 5",
		"   State = BACKUP", "   Password = " + masked, "     192.0.2.1/24 dev lo scope global label lo:1",
		"     2001:db8::1 dev lo scope global deprecated", "     chk weight 5", "   Status = INIT", "   Number of track scripts init = 1",
		"   Max processes = 4", "     VI_1, weight -3",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("lacks %q", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(lines, "\n"))
	}
	if text := string(Parent(s)); strings.Contains(text, "VI_1") || !strings.Contains(text, "Router ID = here") {
		t.Errorf("the parent's:\n%s", text)
	}
}
